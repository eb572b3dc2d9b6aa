#include "sim/nodes_history.hpp"

#include "base/temporary_folder.hpp"
#include "sim/simulated_node.hpp"
#include "store/modules.hpp"
#include "store/ownership.hpp"
#include "store/statement.hpp"
#include "support/test_system.hpp"
#include "transport/dtls/record.hpp"

#include <cstdio>

namespace drydock::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t boron = 13;
constexpr auto horizon = 2h;
// What carries a piece of a module is longer than this, and nothing else that a server sends unasked is.
constexpr std::size_t chunk_like = 300;

class Modules {
  TemporaryFolder folder_;

public:
  Modules() : files(folder_.path()) {
    const auto file = testing::module_for(boron, 4, 1, 6200, {}, 40'000);
    const auto validated = server::validate_module(file, "part1.bin");
    (void)files.save(validated->module.sha256, validated->content);
    part1 = validated->module;
  }
  firmware::ModuleFiles files;
  firmware::LibraryModule part1;
};

const Modules& modules() {
  static const Modules the_modules;
  return the_modules;
}

class NodesHistory {
public:
  NodesHistory(std::uint32_t seed, const Plan& plan)
      : world_(seed), dice_(seed * 2654435761U + 7), network_(world_), plan_(plan) {
    configuration_.policy = state::Policy::open;
    configuration_.concurrent_updates = 1 + static_cast<int>(roll(2));
    store::add_module(*shared_.db, modules().part1, 0);
    network_.options.delay = std::chrono::milliseconds(1 + roll(60));
    network_.options.jitter = std::chrono::milliseconds(roll(2) ? roll(40) : 0);
    network_.options.loss = roll(3) == 0 ? 0.05 : 0;
    network_.options.bits_per_second = roll(3) ? 40'000 : 400'000;
    nodes_.resize(2 + roll(2));
  }

  Outcome run() {
    const auto began = Clock::now();
    for (std::size_t i = 0; i < nodes_.size(); ++i) start_node(i);
    const auto count = 1 + roll(2);
    for (std::size_t i = 1; i <= count; ++i) start_device(static_cast<int>(i));
    live(std::chrono::milliseconds(roll(4'000)));  // into the middle of an update, as a rule
    for (std::size_t i = 2 + roll(6); i > 0 && violation_.empty(); --i) {
      something_happens();
      live(std::chrono::milliseconds(roll(3) == 0 ? roll(15'000) : roll(2'500)));
    }
    for (auto& node : nodes_)
      if (node) node->partition(false);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (!nodes_[i]) start_node(i);
    for (const auto end = Clock::now() + horizon; !settled() && violation_.empty() && Clock::now() < end;) live(5s);
    check_the_end();
    leave();
    outcome_.virtual_time = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    outcome_.violation = violation_;
    return outcome_;
  }

private:
  std::size_t roll(std::size_t sides) { return dice_() % sides; }
  void complain(const std::string& words) {
    if (violation_.empty()) violation_ = words;
  }

  void start_node(std::size_t at) {
    nodes_[at] = std::make_unique<SimulatedNode>(world_, shared_, modules().files, configuration_,
        "node " + std::to_string(at) + "." + std::to_string(++started_),
        [this](SimulatedNode& from, ByteView datagram, const transport::UdpEndpoint& to) { sent(from, datagram, to); });
    if (plan_.forget_attempts) nodes_[at]->never_stop_sending();
    if (roll(3) == 0) nodes_[at]->slow_down(std::chrono::milliseconds(roll(400)));
  }

  // Time passes, and whoever was taken for gone begins anew.
  void live(Clock::duration by) {
    const auto end = Clock::now() + by;
    const auto gone = [this] {
      return std::any_of(nodes_.begin(), nodes_.end(), [](const auto& node) { return node && node->taken_for_gone(); });
    };
    do {
      world_.advance_until(end - Clock::now(), [&] { return gone() || !violation_.empty(); });
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i] || !nodes_[i]->taken_for_gone()) continue;
        nodes_[i].reset();
        start_node(i);
      }
    } while (Clock::now() < end && violation_.empty());
  }

  void something_happens() {
    auto& node = nodes_[roll(nodes_.size())];
    switch (roll(5)) {
      case 0:
      case 1:  // its devices' datagrams come to another one
        for (auto& [number, at] : routes_)
          if (roll(2) == 0) at = roll(nodes_.size());
        return;
      case 2:
        if (node) node->partition(true, roll(2) == 0);
        ++outcome_.disk_faults;
        return;
      case 3:
        for (auto& other : nodes_)
          if (other) other->partition(false);
        return;
      default: return kill(node);
    }
  }

  void kill(std::unique_ptr<SimulatedNode>& node) {
    if (!node || std::count_if(nodes_.begin(), nodes_.end(), [](const auto& n) { return n != nullptr; }) < 2) {
      for (std::size_t i = 0; i < nodes_.size(); ++i)
        if (!nodes_[i]) return start_node(i);
      return;
    }
    ++outcome_.power_cuts;
    // Of a process that ended the database's server knows at once, of a machine without power it does not.
    const bool seen = roll(2) == 0;
    if (seen)
      for (const auto& row : store::load_nodes(*shared_.db))
        if (row.id == node->id()) shared_.connections.erase(row.connection);
    node.reset();
    for (auto& [number, at] : routes_)
      while (!nodes_[at]) at = roll(nodes_.size());
  }

  void start_device(int number) {
    virtual_device::UdpOptions options;
    options.id[11] = static_cast<std::uint8_t>(number);
    options.seed = static_cast<unsigned>(number);
    options.server_key = testing::udp_server_key().public_key_spki();
    options.ping_every = std::chrono::seconds(2 + roll(8));
    virtual_device::Flash flash(boron);
    flash.put(testing::module_for(boron, 4, 1, 3103));
    flash.put(testing::module_for(boron, 5, 2, 6, {4, 1, 6200}));
    routes_[number] = roll(nodes_.size());
    network_.attach(
        number, [this, number](ByteView datagram) { devices_.at(number)->on_datagram(datagram); },
        [this, number](ByteView datagram, const transport::UdpEndpoint& from) {
          if (auto& node = nodes_[routes_.at(number)]) node->on_datagram(datagram, from);
        },
        [number] { return address_of(number); });
    virtual_device::UdpDevice::Send send = [this, number](ByteView datagram) { network_.to_server(number, datagram); };
    devices_[number] = std::make_unique<virtual_device::UdpDevice>(world_.loop.get_executor(), std::move(options),
        virtual_device::DeviceEcKey(), std::move(flash), std::move(send));
    world_.spawn([&d = *devices_[number]]() -> asio::awaitable<void> { co_await d.run(); });
  }
  static transport::UdpEndpoint address_of(int number) {
    return {asio::ip::make_address("10.0.1." + std::to_string(number)), 5684};
  }
  static transport::DeviceId id_of(int number) {
    transport::DeviceId id;
    id.bytes[11] = static_cast<std::uint8_t>(number);
    return id;
  }

  void sent(SimulatedNode& from, ByteView datagram, const transport::UdpEndpoint& to) {
    for (const auto& [number, device] : devices_) {
      if (address_of(number) != to) continue;
      auto rest = datagram;
      if (const auto record = transport::dtls::take_record(rest); record && record->epoch() == 1) {
        check_sequence_number(from, number, *record, datagram);
        if (datagram.size() > chunk_like) check_owner(from, number);
      }
      network_.to_device(number, datagram);
    }
  }

  void check_owner(SimulatedNode& from, int number) {
    const auto row = store::load_device(*shared_.db, id_of(number).text());
    if (row && row->node == from.id()) return;
    complain("node " + std::to_string(from.id()) + " sends a piece of a module to device " + std::to_string(number) +
        (row ? ", which node " + std::to_string(row->node) + " has" : ", which nobody knows"));
  }

  void check_sequence_number(
      SimulatedNode& from, int number, const transport::dtls::Record& record, ByteView datagram) {
    const auto session = from.session_of(id_of(number));
    if (!session) return;
    const auto [known, is_new] =
        used_.try_emplace({session->id(), record.sequence()}, datagram.begin(), datagram.end());
    if (!is_new && known->second != Bytes(datagram.begin(), datagram.end()))
      complain("a sequence number was used twice for device " + std::to_string(number));
  }

  bool settled() {
    for (const auto& [number, device] : devices_) {
      const auto row = store::load_device(*shared_.db, id_of(number).text());
      if (!row || row->state != "current" || device->flash().safe_mode()) return false;
    }
    return true;
  }

  void check_the_end() {
    for (const auto& [number, device] : devices_) {
      const auto id = id_of(number).text();
      const auto row = store::load_device(*shared_.db, id);
      if (!row || row->state != "current" || device->flash().safe_mode())
        complain("device " + std::to_string(number) +
            " is not up to date: " + (row ? row->state + ", " + row->state_words : "unknown"));
      outcome_.images += device->applied.size();
      if (device->nonces_used_twice() > 0) complain("device " + std::to_string(number) + " met a nonce used twice");
      if (device->applied.size() > 1) complain("device " + std::to_string(number) + " was sent the same module twice");
      if (store::query_integer(*shared_.db,
              "SELECT count(*) FROM update_steps WHERE state IN ('sending', 'sent') AND device_id = '" + id + "'") != 0)
        complain("a step of device " + std::to_string(number) + " was never judged");
    }
    if (store::query_integer(*shared_.db, "SELECT count(*) FROM turns") != 0) {
      live(5s);
      if (store::query_integer(*shared_.db, "SELECT count(*) FROM turns") != 0) complain("a turn was never given back");
    }
  }

  void leave() {
    for (auto& [number, device] : devices_) device->stop();
    for (auto& node : nodes_) node.reset();
    world_.run_until_idle();
  }

  testing::SimulatedWorld world_;
  std::mt19937 dice_;
  testing::Network network_;
  Plan plan_;
  SharedStore shared_;
  state::Configuration configuration_;
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;
  std::map<int, std::size_t> routes_;  ///< to which node a device's datagrams come
  std::map<int, std::unique_ptr<virtual_device::UdpDevice>> devices_;
  std::map<std::pair<transport::dtls::ConnectionId, std::uint64_t>, Bytes> used_;
  Outcome outcome_;
  std::string violation_;
  int started_ = 0;
};

}  // namespace

Outcome run_nodes_history(std::uint32_t seed, const Plan& plan) {
  log::set_sink([tell = plan.tell](log::Level, std::string_view line) {
    if (tell)
      std::printf("  %8.1f  %.*s\n", std::chrono::duration<double>(Clock::now().time_since_epoch()).count() - 3600,
          static_cast<int>(line.size()), line.data());
  });
  NodesHistory history(seed, plan);
  return history.run();
}

}  // namespace drydock::sim
