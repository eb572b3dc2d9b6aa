// The PROXY protocol, version 2, by which a load balancer says in front of a connection where it came from
// (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt, section 2.2). Pure: bytes in, an address out.
//
//   0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a ‖ version 2 and command ‖ family ‖ length 2 ‖ addresses, and whatever follows
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <asio/ip/tcp.hpp>
#include <optional>

namespace drydock::transport {

inline constexpr std::size_t proxy_preamble_size = 16;
inline constexpr std::size_t proxy_most_addresses = 520;  ///< bytes behind the preamble; real ones have at most 216

/// How many bytes follow the first proxy_preamble_size of a header. ErrorKind::malformed when it is none, or too long.
Result<std::size_t> proxy_header_rest(ByteView preamble);

/// Where the connection came from, by a whole header; empty when the balancer itself is meant, or does not say it as
/// TCP over IPv4 or IPv6. ErrorKind::malformed.
Result<std::optional<asio::ip::tcp::endpoint>> proxy_source(ByteView header);

}  // namespace drydock::transport
