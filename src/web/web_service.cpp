#include "web/web_service.hpp"

#include "base/clock.hpp"
#include "state/listening.hpp"
#include "state/page_certificate.hpp"
#include "state/server_keys.hpp"
#include "store/access.hpp"
#include "store/changes.hpp"

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <fmt/core.h>

namespace drydock::web {
namespace {

server::ServiceUptime running_time_of(const state::StateFolder& folder) {
  auto db = store::Database::open(folder.location(), store::Access::read_write);
  server::ServiceUptime running;
  running.begin(server::ServiceUptime::parse(store::load_setting(db, server::ServiceUptime::setting).value_or("")));
  return running;
}

Authentication make_authentication(
    const state::StateFolder& folder, crypto::Random& random, service::LoopBridge& bridge, std::int64_t running) {
  auto db = store::Database::open(folder.location(), store::Access::read_write);
  const auto persist = [&bridge](Authentication::Work work) {
    return bridge.write([work = std::move(work)](store::Database& to) -> Result<void> {
      if (const auto done = work(to); !done) return done;
      if (to.engine() == store::Engine::postgresql) store::note_change(to, store::subject::access);  // other machines
      return {};
    });
  };
  return Authentication(db, random, persist, running);
}

PageTls page_tls(const state::StateFolder& folder, const state::Configuration& configuration) {
  if (configuration.web.tls() == state::Configuration::Web::Tls::off) return {};
  const auto certificate = state::load_or_create_page_certificate(folder, configuration, utc_milliseconds());
  if (!certificate) throw std::runtime_error(fmt::format("the page's certificate: {}", certificate.error().message));
  auto tls = crypto::TlsServer::create(certificate->pem);
  if (!tls)
    throw std::runtime_error(
        fmt::format("the page's certificate {}: {}", certificate->file.string(), tls.error().message));
  return {std::move(*tls), certificate->fingerprint};
}

ServerOptions server_options(
    const state::StateFolder& folder, const state::Configuration& configuration, const PageTls& tls) {
  const auto& web = configuration.web;
  ServerOptions options;
  options.address = web.address.empty() ? configuration.address : web.address;
  options.port = web.port;
  options.api_port = web.api_port;
  options.tls = tls.server;
  if (web.tls() == state::Configuration::Web::Tls::both) options.plain = PageFrontend::Plain::passed_on;
  options.upload_folder = folder.firmware();
  options.hosts = web.hosts;
  options.trusted_proxies = web.trusted_proxies;
  return options;
}

// The answer is to reach the browser before.
void restore_soon(asio::io_context& loop, service::Service& service) {
  constexpr std::chrono::milliseconds soon{500};
  const auto timer = std::make_shared<asio::steady_timer>(loop, soon);
  timer->async_wait([timer, &service](asio::error_code) { service.stop_to_restore(); });
}

}  // namespace

WebService::WebService(asio::io_context& loop, service::Service& service, const state::Configuration& configuration,
    service::LoopBridge& bridge, Integrations integrations)
    : device_server_(service.server()),
      streams_(loop_),
      uptime_(running_time_of(service.folder())),
      bridge_(bridge),
      authentication_(make_authentication(service.folder(), random_, bridge_, uptime_.now())),
      tls_(page_tls(service.folder(), configuration)),
      api_(bridge_, authentication_, service.folder(),
          ApiOptions{configuration.web.guests, configuration.web.tls() == state::Configuration::Web::Tls::redirect,
              state::fingerprint(service.server_key().public_key_spki()), tls_.fingerprint, configuration.away_days,
              [folder = service.folder(), configuration] { return service::check(folder, configuration); },
              [&messages = integrations.messages](const store::Integration& one) { return messages.test(one); },
              [&messages = integrations.messages](std::int64_t id) { messages.hurry(id); },
              std::move(integrations.mqtt),
              [&loop, &service] { asio::post(loop, [&loop, &service] { restore_soon(loop, service); }); },
              [this] { return uptime_.now(); }}),
      cloud_(bridge_, authentication_, service.folder(), [this] { return uptime_.now(); }),
      server_(server_options(service.folder(), configuration, tls_), api_, cloud_, bridge_, streams_, loop_) {
  if (const auto saved = state::save_page_listening(service.folder(), {server_.port(), tls_.server != nullptr}); !saved)
    log::warning("the page's port cannot be written down: {}", saved.error().message);
  listening_ =
      device_server_.heard_events().add([this](const server::PublishedEvent& event) { streams_.append(event); });
  // On the writer's thread: 'drydock password reset' has changed who may come in.
  service.on_change([this](store::Database& db) { authentication_.reload(db, uptime_.now()); });
}

WebService::~WebService() {
  listening_.reset();
  loop_.stop();
}

}  // namespace drydock::web
