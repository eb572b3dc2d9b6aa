// The page of a running service: everything in this layer, put together.
#pragma once

#include "integrations/integrations.hpp"
#include "service/service.hpp"
#include "web/server.hpp"

namespace drydock::web {

/// Both empty where the page is served without TLS.
struct PageTls {
  std::shared_ptr<const crypto::TlsServer> server;
  std::string fingerprint;  ///< of its certificate
};

class WebService {
public:
  /// Who tells others, and what is said of the connection to the broker.
  struct Integrations {
    integrations::Integrations& messages;
    std::function<nlohmann::json()> mqtt;
  };
  /// Throws std::runtime_error with a message for the person who started it. Before the loop runs.
  WebService(asio::io_context& loop, service::Service& service, const state::Configuration& configuration,
      service::LoopBridge& bridge, WebService::Integrations integrations);
  /// After the loop has ended.
  ~WebService();

  std::uint16_t port() const { return server_.port(); }
  const PageTls& tls() const { return tls_; }
  /// For the log; empty once there is a password.
  std::string setup_code() const { return authentication_.setup_code(); }

private:
  server::DeviceServer& device_server_;
  WebLoop loop_;
  EventStreams streams_;
  std::shared_ptr<void> listening_;
  crypto::SystemRandom random_;
  server::ServiceUptime uptime_;  ///< begun with what the server begins with; read by all threads, changed by none
  service::LoopBridge& bridge_;
  Authentication authentication_;
  PageTls tls_;
  Api api_;
  CloudApi cloud_;
  Server server_;
};

}  // namespace drydock::web
