// virtual_udp_fleet: virtual Borons over real UDP sockets, until all run what they should, or for a while when idle.
// Prints for each device the seconds its last update took and the bytes of chunks it received, and last the seconds in
// total; status 1 when they are not done in time.
#include "base/asio_tokens.hpp"
#include "firmware/files.hpp"
#include "transport/udp_socket.hpp"
#include "virtual_device/module_builder.hpp"
#include "virtual_device/udp_device.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <asio.hpp>
#include <cstdlib>
#include <fmt/core.h>

using namespace drydock;
using namespace std::chrono_literals;

namespace {

struct Order {
  std::string host = "127.0.0.1";
  std::uint16_t port = 5684;
  std::string key;
  int count = 1;
  int first = 0;         ///< number of the first, for its id
  int patience = 60;     ///< seconds
  int every = 0;         ///< milliseconds between one and the next
  int idle = 0;          ///< seconds for which they only stay connected, when all are
  int needs = 6200;      ///< system part 1 that the application needs
  int has = 3103;        ///< and what there is
  int speed = 0;         ///< kB/s of each device's link towards it; 0: as fast as it comes
  int ping = 25;         ///< seconds between two pings of a device
  bool chunked = false;  ///< as 2.3 did, instead of protocol v3
};

Bytes module(std::uint8_t function, std::uint8_t index, int version, virtual_device::ModuleSpec::Needs needs) {
  virtual_device::ModuleSpec recipe;
  recipe.platform = 13;
  recipe.function = function;
  recipe.index = index;
  recipe.version = static_cast<std::uint16_t>(version);
  recipe.needs1 = needs;
  recipe.start = 0x30000;
  return virtual_device::make_module(recipe);
}

struct Boron {
  std::unique_ptr<virtual_device::UdpDevice> device;
  std::unique_ptr<transport::UdpSocket> socket;
  std::deque<Bytes> arriving;  ///< over a link that takes its time
};

class Fleet {
public:
  explicit Fleet(const Order& order) : order_(order), loop_(1) {}

  bool run() {
    const auto server_key = *firmware::read_file(order_.key, 4096);
    asio::co_spawn(loop_, watch(server_key), [this](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
      loop_.stop();
    });
    loop_.run();
    if (order_.idle == 0)
      for (const auto& boron : fleet_)
        fmt::print("{:.3f} {}\n", std::chrono::duration<double>(boron.device->last_update_time).count(),
            boron.device->chunk_bytes);
    const auto twice = std::count_if(
        fleet_.begin(), fleet_.end(), [](const auto& boron) { return boron.device->nonces_used_twice() > 0; });
    if (twice > 0) fmt::print("{} devices met a nonce that was used twice\n", twice);
    good_ = twice == 0;
    fmt::print("{:.2f}\n", std::chrono::duration<double>(done_at_ - began_).count());
    std::fflush(stdout);
    return good_ && done();
  }

private:
  void start_device(int number, const Bytes& server_key) {
    virtual_device::UdpOptions options;
    options.id[10] = static_cast<std::uint8_t>(number >> 8);
    options.id[11] = static_cast<std::uint8_t>(number);
    options.server_key = server_key;
    options.ping_every = std::chrono::seconds(order_.ping);
    options.seed = static_cast<unsigned>(number);
    if (order_.chunked) options.profile = virtual_device::UdpProfile::v2_3();
    virtual_device::Flash flash(13);
    flash.put(module(4, 1, order_.has, {}));
    flash.put(module(5, 2, 6, {4, 1, static_cast<std::uint16_t>(order_.needs)}));
    auto& boron = fleet_.emplace_back();
    const auto at = fleet_.size() - 1;
    const asio::ip::udp::endpoint server(asio::ip::make_address(order_.host), order_.port);
    transport::UdpSocket::Receive receive = [this, at](ByteView datagram, const asio::ip::udp::endpoint&) {
      arrive(at, datagram);
    };
    boron.socket = std::make_unique<transport::UdpSocket>(
        loop_, asio::ip::udp::endpoint(server.protocol(), 0), std::move(receive));
    virtual_device::UdpDevice::Send send = [this, at, server](
                                               ByteView datagram) { fleet_[at].socket->send(datagram, server); };
    boron.device = std::make_unique<virtual_device::UdpDevice>(
        loop_.get_executor(), std::move(options), virtual_device::DeviceEcKey(), std::move(flash), std::move(send));
    boron.socket->start();
    asio::co_spawn(loop_, boron.device->run(), [](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
    });
  }

  void arrive(std::size_t at, ByteView datagram) {
    if (order_.speed == 0) return fleet_[at].device->on_datagram(datagram);
    constexpr std::size_t room = 64;
    auto& arriving = fleet_[at].arriving;
    if (arriving.size() < room) arriving.emplace_back(datagram.begin(), datagram.end());
    if (arriving.size() == 1) asio::co_spawn(loop_, deliver(at), asio::detached);
  }
  asio::awaitable<void> deliver(std::size_t at) {
    Timer link(loop_);
    auto& boron = fleet_[at];
    for (link.expires_at(Clock::now()); !boron.arriving.empty(); boron.arriving.pop_front()) {
      link.expires_at(link.expiry() +
          std::chrono::microseconds(boron.arriving.front().size() * 1000 / static_cast<std::size_t>(order_.speed)));
      (void)co_await link.async_wait(as_result);
      boron.device->on_datagram(boron.arriving.front());
    }
  }

  bool done() const {
    return std::all_of(fleet_.begin(), fleet_.end(),
        [](const auto& b) { return b.device->connected && !b.device->flash().safe_mode(); });
  }
  asio::awaitable<void> watch(Bytes server_key) {
    Timer pause(loop_);
    for (int i = 0; i < order_.count; ++i) {
      start_device(order_.first + i, server_key);
      if (order_.every == 0) continue;
      pause.expires_after(std::chrono::milliseconds(order_.every));
      (void)co_await pause.async_wait(as_result);
    }
    const auto deadline = began_ + std::chrono::seconds(order_.patience);
    while (!done() && Clock::now() < deadline) {
      pause.expires_after(10ms);
      (void)co_await pause.async_wait(as_result);
    }
    done_at_ = Clock::now();
    fmt::print("{}\n", done() ? "ready" : "not ready");
    std::fflush(stdout);
    // So that the server has heard it too.
    pause.expires_after(1s + std::chrono::seconds(order_.idle));
    (void)co_await pause.async_wait(as_result);
  }

  Order order_;
  asio::io_context loop_;
  std::deque<Boron> fleet_;
  bool good_ = true;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point done_at_ = began_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Virtual Borons that want to be brought up to date");
  Order order;
  app.add_option("--host", order.host);
  app.add_option("--port", order.port);
  app.add_option("--key", order.key, "The server's public key for UDP devices")->required();
  app.add_option("--count", order.count);
  app.add_option("--first", order.first);
  app.add_option("--patience", order.patience, "Seconds");
  app.add_option("--every", order.every, "Milliseconds");
  app.add_option("--idle", order.idle, "Seconds");
  app.add_option("--needs", order.needs, "Version of system part 1 that the application needs");
  app.add_option("--has", order.has, "Version of system part 1 at the start");
  app.add_option("--speed", order.speed, "Of the link towards each device, in kB/s");
  app.add_option("--ping", order.ping, "Seconds");
  app.add_flag("--chunked", order.chunked, "The transfer of Device OS 2.3");
  CLI11_PARSE(app, argc, argv);
  const bool good = Fleet(order).run();
  // The devices' coroutines are in the middle of things; nothing is gained by unwinding them.
  std::_Exit(good ? 0 : 1);
}
