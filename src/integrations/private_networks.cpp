#include "integrations/private_networks.hpp"

#include <algorithm>
#include <array>
#include <asio/ip/network_v4.hpp>
#include <asio/ip/network_v6.hpp>

namespace drydock::integrations {
namespace {

// https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, what is not global there;
// and multicast.
constexpr std::array not_global{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"};
// Of IPv6 only 2000::/3 is given out; these within it are not global, or stand for an IPv4 address.
constexpr auto global_unicast = "2000::/3";
constexpr std::array not_global_in_it{"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"};

bool lies_in(const asio::ip::address& address, const std::string& network) {
  if (network.find(':') == std::string::npos) {
    if (!address.is_v4()) return false;
    const auto net = asio::ip::make_network_v4(network);
    return asio::ip::network_v4(address.to_v4(), net.prefix_length()).canonical() == net.canonical();
  }
  if (!address.is_v6()) return false;
  const auto net = asio::ip::make_network_v6(network);
  const auto bytes = asio::ip::address_v6(address.to_v6().to_bytes());  // without a zone
  return asio::ip::network_v6(bytes, net.prefix_length()).canonical() == net.canonical();
}

bool is_global(const asio::ip::address& address) {
  const auto inside = [&](const char* network) { return lies_in(address, network); };
  if (address.is_v4()) return std::none_of(not_global.begin(), not_global.end(), inside);
  return inside(global_unicast) && std::none_of(not_global_in_it.begin(), not_global_in_it.end(), inside);
}

}  // namespace

bool PrivateNetworks::may_reach(const asio::ip::address& given) const {
  auto address = given;
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return is_global(address) ||
      std::any_of(allowed_.begin(), allowed_.end(), [&](const auto& network) { return lies_in(address, network); });
}

}  // namespace drydock::integrations
