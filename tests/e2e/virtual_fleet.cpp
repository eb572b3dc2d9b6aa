// virtual_fleet PORT SERVER-KEY.der COUNT SECONDS: so many stuck virtual Photons on loopback, until all run what they
// should. Prints how many images each received; status 1 when they are not done in time.
#include "base/asio_tokens.hpp"
#include "firmware/files.hpp"
#include "transport/tcp_stream.hpp"
#include "virtual_device/firmware_maker.hpp"
#include "virtual_device/virtual_device.hpp"

#include <algorithm>
#include <asio.hpp>
#include <cstdlib>
#include <fmt/core.h>

using namespace drydock;
using namespace std::chrono_literals;

namespace {

Bytes module(std::uint8_t function, std::uint8_t index, std::uint16_t version, virtual_device::ModuleRecipe::Needs needs) {
  virtual_device::ModuleRecipe recipe;
  recipe.function = function;
  recipe.index = index;
  recipe.version = version;
  recipe.needs1 = needs;
  return virtual_device::make_module(recipe);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  const auto server_key = *firmware::read_file(argv[2], 4096);
  const int count = std::atoi(argv[3]);
  const auto deadline = Clock::now() + std::chrono::seconds(std::atoi(argv[4]));

  asio::io_context loop(1);
  std::vector<std::unique_ptr<virtual_device::VirtualDevice>> devices;
  const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), port);
  const virtual_device::Connect connect = [&]() -> asio::awaitable<std::shared_ptr<transport::ByteStream>> {
    asio::ip::tcp::socket socket(loop);
    auto connected = co_await socket.async_connect(server, as_result);
    if (std::get<0>(connected)) co_return nullptr;
    co_return std::make_shared<transport::TcpStream>(std::move(socket));
  };
  for (int i = 0; i < count; ++i) {
    virtual_device::Options options;
    options.id[11] = static_cast<std::uint8_t>(i);
    options.server_key = server_key;
    options.takes_fast_ota = i % 2 == 0;
    options.erase_time = options.reset_time = options.reconnect_time = 100ms;
    options.chunk_time = 20ms;
    virtual_device::Flash flash(6);
    flash.put(module(4, 1, 1, {}));
    flash.put(module(4, 2, 1, {4, 1, 1}));
    flash.put(module(5, 1, 6, {4, 2, 3}));
    devices.push_back(std::make_unique<virtual_device::VirtualDevice>(std::move(options), virtual_device::DeviceKey(), std::move(flash)));
    asio::co_spawn(loop, devices.back()->run(connect), [](std::exception_ptr e) { if (e) std::rethrow_exception(e); });
  }

  const auto done = [&] { return std::all_of(devices.begin(), devices.end(), [](const auto& d) { return d->connected && !d->flash().safe_mode(); }); };
  const auto watch = [&]() -> asio::awaitable<void> {
    Timer pause(loop);
    // Up to date for a while, so that the server has heard it too.
    auto done_since = Clock::now();
    while (Clock::now() - done_since < 2s && Clock::now() < deadline) {
      pause.expires_after(50ms);
      (void)co_await pause.async_wait(as_result);
      if (!done()) done_since = Clock::now();
    }
  };
  asio::co_spawn(loop, watch(), [&](std::exception_ptr) {
    for (const auto& device : devices) fmt::print("{}\n", device->images_received);
    std::fflush(stdout);
    std::_Exit(done() ? 0 : 1);
  });
  loop.run();
}
