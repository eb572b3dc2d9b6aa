#include "transport/proxy_protocol.hpp"

#include <algorithm>
#include <array>

namespace drydock::transport {
namespace {

constexpr std::array<std::uint8_t, 12> signature{
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::uint8_t on_behalf = 0x21;  // version 2, command PROXY
constexpr std::uint8_t of_its_own = 0x20;
constexpr std::uint8_t tcp_over_ipv4 = 0x11;
constexpr std::uint8_t tcp_over_ipv6 = 0x21;

template <class Address>
Result<std::optional<asio::ip::tcp::endpoint>> source(ByteView addresses) {
  typename Address::bytes_type bytes{};
  if (addresses.size() < 2 * bytes.size() + 4) return failure(ErrorKind::malformed, "a PROXY header is cut off");
  std::copy_n(addresses.begin(), bytes.size(), bytes.begin());
  return asio::ip::tcp::endpoint(Address(bytes), get_be16(addresses, 2 * bytes.size()));
}

}  // namespace

Result<std::size_t> proxy_header_rest(ByteView preamble) {
  if (preamble.size() < proxy_preamble_size || !std::equal(signature.begin(), signature.end(), preamble.begin()))
    return failure(ErrorKind::malformed,
        "this proxy sends no PROXY header of version 2: 'send-proxy-v2' in HAProxy makes it do so");
  const std::size_t rest = get_be16(preamble, 14);
  if (rest > proxy_most_addresses) return failure(ErrorKind::too_large, "a PROXY header is too long");
  return rest;
}

Result<std::optional<asio::ip::tcp::endpoint>> proxy_source(ByteView header) {
  const auto rest = proxy_header_rest(header);
  if (!rest) return tl::unexpected(rest.error());
  if (header.size() != proxy_preamble_size + *rest)
    return failure(ErrorKind::malformed, "a PROXY header has another length than it says");
  if (header[12] != on_behalf && header[12] != of_its_own)
    return failure(ErrorKind::malformed, "a PROXY header of an unknown version or command");
  const auto addresses = header.subspan(proxy_preamble_size);
  if (header[12] == of_its_own) return std::nullopt;
  if (header[13] == tcp_over_ipv4) return source<asio::ip::address_v4>(addresses);
  if (header[13] == tcp_over_ipv6) return source<asio::ip::address_v6>(addresses);
  return std::nullopt;
}

}  // namespace drydock::transport
