// The page of a running service: everything in this room, put together.
#pragma once

#include "appliance/service.hpp"
#include "web/server.hpp"

namespace drydock::web {

class Site {
public:
  /// Throws std::runtime_error with a message for the person who started it. Before the loop runs.
  Site(asio::io_context& loop, appliance::Service& service, const appliance::Configuration& configuration);
  /// After the loop has ended.
  ~Site();

  std::uint16_t port() const { return server_.port(); }
  /// For the log; empty once there is a password.
  std::string setup_code() const { return authentication_.setup_code(); }

private:
  crypto::SystemRandom random_;
  appliance::RunningTime running_;   ///< begun with what the appliance begins with; read by all threads, changed by none
  Bridge bridge_;
  Authentication authentication_;
  Api api_;
  Server server_;
};

}  // namespace drydock::web
