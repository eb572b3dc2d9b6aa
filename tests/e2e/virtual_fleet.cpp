// virtual_fleet: stuck virtual Photons on loopback, until all run what they should. Prints how many images each
// received and, last, the seconds it took; status 1 when they are not done in time.
#include "base/asio_tokens.hpp"
#include "crypto/rsa.hpp"
#include "firmware/files.hpp"
#include "transport/tcp_stream.hpp"
#include "support/worst_describe.hpp"
#include "virtual_device/module_builder.hpp"
#include "virtual_device/virtual_device.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <asio.hpp>
#include <cstdlib>
#include <fmt/core.h>

using namespace drydock;
using namespace std::chrono_literals;

namespace {

struct Order {
  std::uint16_t port = 0;
  std::string key;
  int count = 1;
  int first = 0;      ///< number of the first, by which its id is made
  int patience = 60;  ///< seconds
  int publish = 0;
  int lose = 0;       ///< each so-many-th device does not come back behind its first image
  int peace = 1000;   ///< milliseconds for which all must be up to date at the end, so that the server has heard it too
  int chunk = 20;     ///< milliseconds for writing one chunk
  int pause = 100;    ///< milliseconds for erasing, resetting and reconnecting each
  bool fast = false;  ///< all of them, not every second one
  bool hostile = false;     ///< each with a Describe as costly as 11 kB can be, posted again and again; they stay
                            ///< until patience ends
  bool current = false;     ///< have what they need from the beginning: to be idle
  bool bootloader = false;  ///< the application needs a newer one, too: three modules each
  bool one_key = false;     ///< for all of them: making a thousand takes minutes
  int every = 0;            ///< milliseconds between the first connections of two devices
  int sources = 1;          ///< loopback addresses that they come from in turn
};

Bytes module(std::uint8_t function, std::uint8_t index, std::uint16_t version, virtual_device::ModuleSpec::Needs needs,
    virtual_device::ModuleSpec::Needs also_needs = {}) {
  virtual_device::ModuleSpec recipe;
  recipe.function = function;
  recipe.index = index;
  recipe.version = version;
  recipe.needs1 = needs;
  recipe.needs2 = also_needs;
  if (function == 2) recipe.start = 0x08000000;
  return virtual_device::make_module(recipe);
}

class Fleet {
public:
  explicit Fleet(const Order& order) : order_(order), loop_(1) {}

  bool run() {
    const auto server_key = *firmware::read_file(order_.key, 4096);
    for (int i = 0; i < order_.count; ++i) start_device(order_.first + i, server_key);
    asio::co_spawn(loop_, watch(), [this](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
      loop_.stop();
    });
    loop_.run();
    for (const auto& device : devices_) fmt::print("{}\n", device->images_received);
    fmt::print("{:.2f}\n", std::chrono::duration<double>(done_since_ - began_).count());
    std::fflush(stdout);
    return done();
  }

private:
  void start_device(int number, const Bytes& server_key) {
    virtual_device::Options options;
    options.id[11] = static_cast<std::uint8_t>(number);
    options.id[10] = static_cast<std::uint8_t>(number >> 8);
    if (order_.hostile) options.release = virtual_device::Release::v3_3();
    options.server_key = server_key;
    options.takes_fast_ota = order_.fast || number % 2 == 0;
    options.erase_time = options.reset_time = options.reconnect_time = std::chrono::milliseconds(order_.pause);
    options.chunk_timeout = std::chrono::milliseconds(order_.chunk);
    options.publish_every = std::chrono::milliseconds(order_.publish);
    virtual_device::Flash flash(6);
    const std::uint16_t installed = order_.current ? 3 : 1;
    flash.put(module(4, 1, installed, {}));
    flash.put(module(4, 2, installed, {4, 1, installed}));
    if (order_.bootloader) flash.put(module(2, 0, 1, {}));
    virtual_device::ModuleSpec::Needs newer_bootloader{};
    if (order_.bootloader) newer_bootloader = {2, 0, 3};
    flash.put(module(5, 1, 6, {4, 2, 3}, newer_bootloader));
    devices_.push_back(
        std::make_unique<virtual_device::VirtualDevice>(std::move(options), key_of(number), std::move(flash)));
    if (order_.hostile) {
      devices_.back()->faults.describes = [](int n) { return testing::worst_describe(n, 16, 12, 10); };
      devices_.back()->faults.describe_flood = 3;
    }
    virtual_device::Connect dial = [this, number]() -> asio::awaitable<std::shared_ptr<transport::ByteStream>> {
      return connect(number);
    };
    asio::co_spawn(loop_, run_later(*devices_.back(), dial, number * order_.every), [](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
    });
  }
  asio::awaitable<void> run_later(
      virtual_device::VirtualDevice& device, virtual_device::Connect dial, int milliseconds) {
    Timer pause(loop_);
    pause.expires_after(std::chrono::milliseconds(milliseconds));
    (void)co_await pause.async_wait(as_result);
    co_await device.run(std::move(dial));
  }
  // A large fleet has one key for every four devices: making a thousand takes minutes.
  virtual_device::DeviceKey key_of(int number) {
    const bool shared = order_.one_key ? !pem_.empty()
        : order_.hostile               ? number % 4 != 0
                                       : order_.current && !pem_.empty();
    if (!shared) pem_ = crypto::RsaPrivateKey::generate(1024).to_pem();
    return virtual_device::DeviceKey::from_pem(Bytes(pem_.begin(), pem_.end()));
  }
  asio::awaitable<std::shared_ptr<transport::ByteStream>> connect(int number) {
    const auto index = static_cast<std::size_t>(number - order_.first);
    if (order_.lose != 0 && number % order_.lose == 0 && devices_[index]->images_received > 0) co_return nullptr;
    asio::ip::tcp::socket socket(loop_);
    if (order_.sources > 1) {
      const asio::ip::address_v4 source(0x7f000101U + (static_cast<unsigned>(number % order_.sources) << 8));
      const asio::ip::tcp::endpoint from(source, 0);
      socket.open(asio::ip::tcp::v4());
      socket.bind(from);
    }
    const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), order_.port);
    auto connected = co_await socket.async_connect(server, as_result);
    if (std::get<0>(connected)) co_return nullptr;
    co_return std::make_shared<transport::TcpStream>(std::move(socket));
  }

  bool done() const {
    if (order_.hostile) return false;
    return std::all_of(
        devices_.begin(), devices_.end(), [](const auto& d) { return d->connected && !d->flash().safe_mode(); });
  }
  asio::awaitable<void> watch() {
    Timer pause(loop_);
    done_since_ = Clock::now();  // making the keys took its time
    const auto deadline = done_since_ + std::chrono::seconds(order_.patience);
    while (Clock::now() - done_since_ < std::chrono::milliseconds(order_.peace) && Clock::now() < deadline) {
      pause.expires_after(order_.current ? 500ms : 10ms);
      (void)co_await pause.async_wait(as_result);
      const bool ready = done();
      if (!ready) done_since_ = Clock::now();
      if (ready && order_.current && !std::exchange(told_, true)) {
        fmt::print("ready after {:.1f} s\n", std::chrono::duration<double>(Clock::now() - began_).count());
        std::fflush(stdout);
      }
    }
  }

  Order order_;
  asio::io_context loop_;
  std::string pem_;
  std::vector<std::unique_ptr<virtual_device::VirtualDevice>> devices_;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point done_since_ = began_;
  bool told_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Stuck virtual Photons that want to be brought up to date");
  Order order;
  app.add_option("--port", order.port)->required();
  app.add_option("--key", order.key, "The server's public key")->required();
  app.add_option("--count", order.count);
  app.add_option("--first", order.first);
  app.add_option("--patience", order.patience, "Seconds");
  app.add_option("--peace", order.peace, "Milliseconds");
  app.add_option("--chunk", order.chunk, "Milliseconds");
  app.add_option("--pause", order.pause, "Milliseconds");
  app.add_flag("--fast", order.fast);
  app.add_flag("--hostile", order.hostile);
  app.add_flag("--current", order.current);
  app.add_flag("--bootloader", order.bootloader, "A third module");
  app.add_flag("--one-key", order.one_key);
  app.add_option("--every", order.every, "Milliseconds");
  app.add_option("--publish", order.publish, "An event after so many milliseconds of silence");
  app.add_option("--lose", order.lose, "Each so-many-th device does not come back behind its first image");
  app.add_option("--sources", order.sources);
  CLI11_PARSE(app, argc, argv);
  const bool good = Fleet(order).run();
  // The devices' coroutines are in the middle of things; nothing is gained by unwinding them.
  std::_Exit(good ? 0 : 1);
}
