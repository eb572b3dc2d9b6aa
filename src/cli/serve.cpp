#include "state/backup.hpp"
#include "state/server_keys.hpp"
#include "store/postgresql_values.hpp"
#include "service/service.hpp"
#include "cli/commands.hpp"
#include "crypto/ecc.hpp"
#include "cli/identity.hpp"
#include "cli/open_store.hpp"
#include "integrations/integrations.hpp"
#include "base/metrics.hpp"
#include "integrations/mqtt_publisher.hpp"
#include "state/state_folder.hpp"
#include "store/access.hpp"
#include "store/integrations.hpp"
#include "version.hpp"
#include "web/web_service.hpp"

#include <asio/co_spawn.hpp>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <malloc.h>
#include <sys/resource.h>

namespace drydock::cli {
namespace {

asio::awaitable<void> start(service::Service& service, const state::Configuration& configuration) {
  const auto started = co_await service.start();
  if (!started) throw std::runtime_error(started.error().message);
  if (service.stopping()) co_return;
  log::notice("drydock {} listens on {} port {} for Photon, P1 and Core, UDP port {} for later devices; state in {}",
      version, configuration.address, service.tcp_port(), service.udp_port(), configuration.state_folder.string());
  if (!configuration.store_url.empty()) log::info("database {}", store::shown_url(configuration.store_url));
  log::info("server key for TCP {}", state::fingerprint(service.server_key().public_key_spki()));
  log::info("server key for UDP {}", state::fingerprint(service.udp_server_key().public_key_spki()));
}

// Each device is a descriptor, and the soft limit is often 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// What a password costs goes back to the system at once. By itself glibc keeps blocks of such a size after the first,
// for every thread anew; and of sixteen threads each would keep what a long list took.
void keep_little_memory() {
  constexpr int large = 1 << 20;
  (void)::mallopt(M_MMAP_THRESHOLD, large);
  (void)::mallopt(M_ARENA_MAX, 2);
}

void invite(const web::WebService& site, const state::Configuration& configuration) {
  const auto scheme = site.tls().server ? "https" : "http";
  log::notice("the page is at {}://<this machine>:{}", scheme, site.port());
  if (site.tls().server) log::info("the page's certificate has the fingerprint {}", site.tls().fingerprint);
  if (configuration.web.api_port != 0)
    log::notice("Particle's API alone is at {}://<this machine>:{} too", scheme, configuration.web.api_port);
  if (const auto code = site.setup_code(); !code.empty())
    log::notice("it has no password yet; whoever sets it needs the set-up code {}", code);
}

void rethrow(std::exception_ptr failed) {
  if (failed) std::rethrow_exception(failed);
}

metrics::Gauge broker_configured("drydock_mqtt_configured", "1 when there shall be a connection to a broker.");

struct Broker {
  std::unique_ptr<integrations::MqttPublisher> publisher;
  std::function<nlohmann::json()> status = [] { return nlohmann::json(); };
};

// For 'drydock status'.
void note_broker(service::Service& service, const std::string& problem) {
  service.writer().post(
      [problem](store::Database& db) { store::save_setting(db, store::broker_problem_setting, problem); });
}

// Devices are served without a broker all the same.
Broker without_broker(service::Service& service, const state::Configuration& configuration, const std::string& why) {
  log::error("no broker is told of anything: {}", why);
  note_broker(service, why);
  return {nullptr, [host = configuration.mqtt.host, why] {
            return nlohmann::json{{"broker", host}, {"connected", false}, {"problem", why}};
          }};
}

Broker connect_to_broker(
    service::LoopBridge& bridge, service::Service& service, const state::Configuration& configuration) {
  if (configuration.mqtt.host.empty()) return {};
  broker_configured.set(1);
  note_broker(service, "no connection has been made yet");
  const auto library = integrations::Libmosquitto::load();
  if (!library) return without_broker(service, configuration, library.error().message);
  integrations::MqttPublisher::Services services{bridge, service.server().heard_events(), service.folder().location(),
      state::host_name(), configuration.web.url, configuration.away_days};
  try {
    auto publisher = std::make_unique<integrations::MqttPublisher>(**library, std::move(services), configuration.mqtt);
    auto* const told = publisher.get();
    return {std::move(publisher), [told] { return told->status(); }};
  } catch (const std::runtime_error& e) {
    return without_broker(service, configuration, e.what());
  }
}

// Whoever waits for the loop must not wait for one that has ended.
struct ClosedFirst {
  service::LoopBridge& bridge;
  integrations::Integrations& integrations;
  ~ClosedFirst() {
    bridge.close();
    integrations.close();
  }
};

enum class Next { end, begin_anew, restore };

Next serve_once(const Context& context) {
  asio::io_context loop(1);
  service::Service service(loop, context.configuration);
  service.stop_on_signals();  // before anything is said, which somebody may take for a reason to send one
  integrations::Integrations integrations({loop, service.server(), service.writer(), service.folder().location(),
                                              {state::host_name(), context.configuration.web.url}},
      context.configuration.integrations);
  service::LoopBridge bridge(loop, service.server(), service.writer());
  const auto mqtt = connect_to_broker(bridge, service, context.configuration);
  std::optional<web::WebService> site;
  if (context.configuration.web.enabled)
    site.emplace(
        loop, service, context.configuration, bridge, web::WebService::Integrations{integrations, mqtt.status});
  if (site) invite(*site, context.configuration);
  crypto::release_ec_tables();  // of the keys that were read or made
  asio::co_spawn(loop, start(service, context.configuration), rethrow);
  const ClosedFirst closed_first{bridge, integrations};
  loop.run();
  if (service.restoring()) return Next::restore;
  return service.taken_for_gone() ? Next::begin_anew : Next::end;
}

void forget_upload(const state::StateFolder& folder) {
  std::error_code not_there;
  std::filesystem::remove(state::uploaded_backup(folder), not_there);
}

// What the page was given. Whatever becomes of it, the service begins anew, with the old state where it is no backup.
void restore_uploaded(const state::StateFolder& folder) {
  const service::WatchdogPings pings;  // a large backup takes its time
  std::ifstream from(state::uploaded_backup(folder), std::ios::binary);
  forget_upload(folder);  // it is open, and must not be in the way of what comes
  const auto restored = state::restore(folder, from, "the backup from the page", true);
  if (!restored) return log::error("nothing was restored: {}", restored.error().message);
  log::notice("restored: {} devices, {} module files; what was there before is in {}", restored->contents.devices,
      restored->contents.modules, restored->moved_to.string());
}

}  // namespace

int serve(const Context& context) {
  constexpr std::size_t lines_for_the_page = 300;
  log::keep_recent(lines_for_the_page);
  raise_descriptor_limit();
  keep_little_memory();
  give_up_root();
  const auto folder = folder_of(context);
  forget_upload(folder);  // that nobody restored
  for (auto next = serve_once(context); next != Next::end; next = serve_once(context))
    if (next == Next::restore) restore_uploaded(folder);
  log::notice("stopped");
  return 0;
}

}  // namespace drydock::cli
