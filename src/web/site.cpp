#include "web/site.hpp"

#include "appliance/server_keys.hpp"
#include "base/clock.hpp"

namespace drydock::web {
namespace {

Authentication make_authentication(const appliance::StateFolder& folder, crypto::Random& random, Bridge& bridge) {
  auto db = store::Database::open(folder.database(), store::Access::read_write);
  const auto persist = [&bridge](std::function<void(store::Database&)> work) {
    return bridge.write([work = std::move(work)](store::Database& to) -> Result<void> {
      work(to);
      return {};
    });
  };
  return Authentication(db, random, persist, utc_milliseconds());
}

}  // namespace

Site::Site(asio::io_context& loop, appliance::Service& service, const appliance::Configuration& configuration)
    : bridge_(loop, service.appliance(), service.writer()),
      authentication_(make_authentication(service.folder(), random_, bridge_)),
      api_(bridge_, authentication_, service.folder(),
           ApiOptions{configuration.web.guests, !configuration.web.certificate.empty(), appliance::fingerprint(service.server_key().public_key_spki())}),
      server_(ServerOptions{configuration.web.address.empty() ? configuration.address : configuration.web.address, configuration.web.port, configuration.web.certificate}, api_, bridge_) {}

Site::~Site() { bridge_.close(); }

}  // namespace drydock::web
