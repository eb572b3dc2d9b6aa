// Where messages may go to: public addresses, and the networks that the configuration names. Whoever administers the
// page says where to, and need not be somebody who may ask this machine's neighbours.
#pragma once

#include <asio/ip/address.hpp>
#include <string>
#include <vector>

namespace drydock::integrations {

class PrivateNetworks {
public:
  /// "192.168.1.0/24", "fd00::/8": as state::Configuration has checked them.
  explicit PrivateNetworks(const std::vector<std::string>& allowed) : allowed_(allowed) {}

  /// What is reached all over the world (IANA's special-purpose registries say what is not), or is allowed.
  bool may_reach(const asio::ip::address& address) const;

private:
  std::vector<std::string> allowed_;
};

}  // namespace drydock::integrations
