#include "sim/history.hpp"

#include "appliance/appliance.hpp"
#include "base/temporary_folder.hpp"
#include "device/session.hpp"
#include "sim/plain_channel.hpp"
#include "sim/sim_writer.hpp"
#include "store/modules.hpp"
#include "support/harbour.hpp"

#include <cstdio>

namespace drydock::sim {
namespace {

using namespace std::chrono_literals;
using testing::World;
using virtual_device::Release;
using virtual_device::VirtualDevice;

// Longer than all pauses and attempts together.
constexpr auto horizon = 6h;

// Firmware files are the same in every history and written once for the whole run.
class Shelf {
  TemporaryFolder folder_;

public:
  Shelf() : folder_(), files(folder_.path()) {
    using testing::bootloader, testing::system_part;
    add(bootloader(3));
    for (const std::uint16_t v : {2, 3, 4}) {
      add(system_part(1, v, {}, 2'000 + 3'000u * v));
      add(system_part(2, v, {4, 1, v}, 1'500 + 2'000u * v));
    }
  }
  firmware::ModuleFiles files;
  std::vector<firmware::StockedModule> modules;

private:
  void add(const Bytes& file) {
    const auto appraised = appliance::appraise(file, "sim.bin");
    (void)files.save(appraised->module.sha256, appraised->content);
    modules.push_back(appraised->module);
  }
};

Shelf& shelf() {
  static Shelf the_shelf;
  return the_shelf;
}

class History {
public:
  History(std::uint32_t seed, const sim::Plan& plan) : world_(seed), dice_(seed * 2654435761U + 1), db_(store::Database::in_memory()), plan_(plan) {
    configuration_.policy = appliance::Policy::open;
    configuration_.concurrent_updates = 1 + static_cast<int>(roll(3));
    link_.delay_max = std::chrono::milliseconds(roll(3) == 0 ? roll(300) : 0);
    link_.piece_max = roll(4) == 0 ? 50 : 100'000;
    for (const auto& module : shelf().modules)
      if (module.key.function == firmware::Function::bootloader || module.version < 4 || roll(2) == 0) store::add_module(db_, module, 0);
    modules_stocked_ = store::load_catalogue(db_).size();
    if (plan.forget_attempts) forget_attempts();
  }

  Outcome run() {
    const auto began = Clock::now();
    switch_on();
    const auto count = 1 + roll(3);
    for (std::size_t i = 0; i < count; ++i) launch(static_cast<int>(i) + 1);
    const auto cuts = roll(4);
    for (std::size_t i = 0; i < cuts && violation_.empty(); ++i) {
      writer_->die_at(writer_->commits() + roll(40));
      world_.advance_until(std::chrono::seconds(1 + roll(1200)), [this] { return writer_->dead() || settled(); });
      if (roll(2) == 0) cut_a_connection();
      power_cut();
      switch_on();
    }
    world_.advance_until(horizon, [this] { return settled() || !violation_.empty(); });
    check_the_end();
    Outcome outcome;
    outcome.virtual_time = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    outcome.power_cuts = cuts;
    for (const auto& device : devices_) outcome.images += static_cast<std::size_t>(device->images_received);
    leave();
    outcome.violation = violation_;
    return outcome;
  }

private:
  std::size_t roll(std::size_t sides) { return dice_() % sides; }

  // With this trigger the store says "counted" and keeps nothing: what losing that one write would do.
  void forget_attempts();

  void switch_on() {
    writer_ = std::make_unique<SimWriter>(db_, world_.loop.get_executor());
    appliance::Services services{world_.loop, *writer_, shelf().files, testing::server_key(), world_.random, crypto::Workshop()};
    appliance_ = std::make_unique<appliance::Appliance>(std::move(services), configuration_);
    world_.spawn([this]() -> asio::awaitable<void> { (void)co_await appliance_->start(); });
    world_.settle();
  }

  void power_cut() {
    writer_->die();
    check_progress();
    appliance_->stop();
    for (const auto& stream : open_) stream->close();
    world_.advance_until(30s, [this] { return open_.empty(); });
    if (!open_.empty()) complain("sessions are left after a power cut");
    appliance_.reset();
  }

  void launch(int number) {
    virtual_device::Options options;
    options.id[11] = static_cast<std::uint8_t>(number);
    options.plain = true;
    const Release releases[] = {Release::v0_6(), Release::v2_3(), Release::v3_3(), Release::v6_2()};
    options.release = releases[roll(4)];
    options.takes_fast_ota = roll(2) == 0;
    options.erase_time = std::chrono::milliseconds(roll(3000));
    virtual_device::Flash flash(6);
    const auto part1 = static_cast<std::uint16_t>(1 + roll(3));
    const auto part2 = static_cast<std::uint16_t>(1 + roll(3));
    flash.put(testing::bootloader(3));
    if (roll(8) != 0) flash.put(testing::system_part(1, part1));
    flash.put(testing::system_part(2, part2, {4, 1, part2}));
    flash.put(testing::user_part(1, {4, 2, static_cast<std::uint16_t>(1 + roll(4))}));
    devices_.push_back(std::make_unique<VirtualDevice>(std::move(options), testing::device_key(1), std::move(flash)));
    auto& device = *devices_.back();
    auto& faults = device.faults;
    for (std::size_t i = roll(4); i > 0; --i) (device.flash().safe_mode() ? faults.drop_chunks : faults.corrupt_chunks).insert(roll(20));
    if (roll(3) == 0) faults.reset_at = 3 + roll(60);
    faults.resets = 1 + static_cast<int>(roll(2));
    if (roll(6) == 0) faults.silent_at = 2 + roll(60);
    if (roll(8) == 0) faults.forgets_updates = true;
    if (roll(12) == 0) faults.damages_image = true;
    if (roll(16) == 0) faults.refuses_updates = true;
    virtual_device::Connect dial = [this, number]() -> asio::awaitable<std::shared_ptr<transport::ByteStream>> { co_return connect(number); };
    world_.spawn([&device, dial]() -> asio::awaitable<void> { co_await device.run(dial); });
  }

  std::shared_ptr<transport::ByteStream> connect(int number) {
    if (!appliance_ || writer_->dead()) return nullptr;
    auto pair = testing::connect(world_, link_);
    const auto server = std::shared_ptr<transport::ByteStream>(pair.server);
    open_.push_back(server);
    world_.spawn([this, server, number]() -> asio::awaitable<void> {
      const auto executor = co_await asio::this_coro::executor;
      transport::lightssl::Claim claim;
      claim.id.bytes[11] = static_cast<std::uint8_t>(number);
      claim.public_key = device_public_key();
      PlainChannel channel(executor, *server);
      (void)co_await device::stay(channel, claim, *appliance_);
      server->close();
      std::erase(open_, server);
    });
    return pair.device;
  }
  static const Bytes& device_public_key() {
    static const auto key = testing::device_key(1).public_key_spki();
    return key;
  }

  void cut_a_connection() {
    if (!open_.empty()) open_[roll(open_.size())]->close();
  }

  const appliance::FleetMember* member(std::size_t index) const {
    transport::DeviceId id;
    id.bytes[11] = static_cast<std::uint8_t>(index + 1);
    const auto found = appliance_->fleet().find(id);
    return found == appliance_->fleet().end() ? nullptr : &found->second;
  }
  bool at_rest(std::size_t index) const {
    const auto* m = member(index);
    if (m == nullptr || m->channel == nullptr) return false;
    return m->row.state == "current" || m->row.state == "parked" || m->row.state == "blocked";
  }
  bool settled() const {
    for (std::size_t i = 0; i < devices_.size(); ++i)
      if (!at_rest(i)) return false;
    return true;
  }

  // Acknowledged progress never goes back.
  void check_progress() {
    for (std::size_t i = 0; i < devices_.size(); ++i)
      for (const auto& step : store::recent_steps(db_, testing::Harbour::id_of(static_cast<int>(i) + 1), 1000)) {
        auto& known = progress_[step.id];
        if (step.bytes_acknowledged < known) complain("progress of a step went back");
        if (step.bytes_acknowledged > step.bytes_total) complain("more was acknowledged than there is");
        known = step.bytes_acknowledged;
      }
  }

  void check_the_end() {
    check_progress();
    for (std::size_t i = 0; i < devices_.size() && violation_.empty(); ++i) {
      const auto& device = *devices_[i];
      const auto* m = member(i);
      const std::string name = "device " + std::to_string(i + 1);
      if (std::find(device.verdicts.begin(), device.verdicts.end(), -1340) != device.verdicts.end()) complain(name + " was sent a module whose dependencies it did not meet");
      if (!at_rest(i)) complain(name + " is neither current nor parked: " + (m ? m->row.state + ", " + m->row.state_words : "unknown"));
      else if (m->row.state == "current" && device.flash().safe_mode()) complain(name + " is called current and is in safe mode");
      else if (m->row.state != "current" && m->row.state_words.empty()) complain(name + " is parked without a reason");
    }
    if (store::load_devices(db_).size() != devices_.size()) complain("a device's row is lost");
    if (store::load_catalogue(db_).size() != modules_stocked_) complain("a module's row is lost");
  }

  void leave() {
    for (auto& device : devices_) device->stop();
    appliance_->stop();
    for (const auto& stream : open_) stream->close();
    world_.advance_until(1h, [this] { return open_.empty(); });
    if (!open_.empty()) complain("something is left running");
  }

  void complain(const std::string& words) {
    if (violation_.empty()) violation_ = words;
  }

  World world_;
  std::mt19937 dice_;
  store::Database db_;
  sim::Plan plan_;
  appliance::Configuration configuration_;
  testing::LinkOptions link_;
  std::unique_ptr<SimWriter> writer_;
  std::unique_ptr<appliance::Appliance> appliance_;
  std::vector<std::unique_ptr<VirtualDevice>> devices_;
  std::vector<std::shared_ptr<transport::ByteStream>> open_;
  std::map<std::int64_t, std::uint32_t> progress_;
  std::size_t modules_stocked_ = 0;
  std::string violation_;
};

}  // namespace

void plant_forgotten_attempts(store::Database& db);

void History::forget_attempts() { plant_forgotten_attempts(db_); }

Outcome run_history(std::uint32_t seed, const Plan& plan) {
  log::set_sink([tell = plan.tell](log::Level, std::string_view line) {
    if (tell) std::printf("  %8.1f  %.*s\n", std::chrono::duration<double>(Clock::now().time_since_epoch()).count() - 3600, static_cast<int>(line.size()), line.data());
  });
  (void)shelf();
  History history(seed, plan);
  return history.run();
}

}  // namespace drydock::sim
