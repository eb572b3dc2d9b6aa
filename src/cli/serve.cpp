#include "appliance/server_keys.hpp"
#include "appliance/service.hpp"
#include "cli/commands.hpp"
#include "version.hpp"

#include <asio/co_spawn.hpp>
#include <stdexcept>

namespace drydock::cli {
namespace {

asio::awaitable<void> start(appliance::Service& service, const appliance::Configuration& configuration) {
  const auto started = co_await service.start();
  if (!started) throw std::runtime_error(started.error().message);
  log::notice("drydock {} listens on {} port {} for Photon, P1 and Core; state in {}", version, configuration.address, service.tcp_port(), configuration.state_folder.string());
  const auto spki = service.server_key().public_key_spki();
  log::info("server key {}", appliance::fingerprint(spki));
}

void rethrow(std::exception_ptr failed) {
  if (failed) std::rethrow_exception(failed);
}

}  // namespace

int serve(const Context& context) {
  asio::io_context loop(1);
  appliance::Service service(loop, context.configuration);
  service.stop_on_signals();
  asio::co_spawn(loop, start(service, context.configuration), rethrow);
  loop.run();
  log::notice("stopped");
  return 0;
}

}  // namespace drydock::cli
