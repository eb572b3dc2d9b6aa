#include "web/site.hpp"

#include "appliance/server_keys.hpp"
#include "store/access.hpp"

namespace drydock::web {
namespace {

appliance::RunningTime running_time_of(const appliance::StateFolder& folder) {
  auto db = store::Database::open(folder.database(), store::Access::read_write);
  appliance::RunningTime running;
  running.begin(appliance::RunningTime::parse(store::load_setting(db, appliance::RunningTime::setting).value_or("")));
  return running;
}

Authentication make_authentication(const appliance::StateFolder& folder, crypto::Random& random, Bridge& bridge, std::int64_t running) {
  auto db = store::Database::open(folder.database(), store::Access::read_write);
  const auto persist = [&bridge](std::function<void(store::Database&)> work) {
    return bridge.write([work = std::move(work)](store::Database& to) -> Result<void> {
      work(to);
      return {};
    });
  };
  return Authentication(db, random, persist, running);
}

ServerOptions server_options(const appliance::StateFolder& folder, const appliance::Configuration& configuration) {
  const auto& web = configuration.web;
  ServerOptions options;
  options.address = web.address.empty() ? configuration.address : web.address;
  options.port = web.port;
  options.certificate = web.certificate;
  options.upload_folder = folder.firmware();
  options.hosts = web.hosts;
  options.trusted_proxies = web.trusted_proxies;
  return options;
}

}  // namespace

Site::Site(asio::io_context& loop, appliance::Service& service, const appliance::Configuration& configuration)
    : running_(running_time_of(service.folder())),
      bridge_(loop, service.appliance(), service.writer()),
      authentication_(make_authentication(service.folder(), random_, bridge_, running_.now())),
      api_(bridge_, authentication_, service.folder(),
           ApiOptions{configuration.web.guests, !configuration.web.certificate.empty(), appliance::fingerprint(service.server_key().public_key_spki()), [this] { return running_.now(); }}),
      server_(server_options(service.folder(), configuration), api_, bridge_) {
  // On the writer's thread: 'drydock password reset' has changed who may come in.
  service.on_change([this](store::Database& db) { authentication_.reload(db, running_.now()); });
}

Site::~Site() { bridge_.close(); }

}  // namespace drydock::web
