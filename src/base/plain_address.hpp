// An IPv4 address as it is, by whichever socket it came: one for IPv6 too calls it ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
#pragma once

#include <asio/ip/address.hpp>

namespace drydock {

inline asio::ip::address plain_address(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

}  // namespace drydock
