// Byte buffers, views and the big-endian integers that CoAP payloads use.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drydock {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView view_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Lower-case hexadecimal, two digits a byte.
std::string to_hex(ByteView bytes);

/// The bytes of a hexadecimal text of either case; nothing when a character is not a digit or one is left over.
std::optional<Bytes> from_hex(std::string_view text);

/// Compares without revealing through its duration where the first difference lies.
bool equal_in_constant_time(ByteView a, ByteView b);

inline void append(Bytes& to, ByteView bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

inline void put_be16(Bytes& to, std::uint16_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void put_be32(Bytes& to, std::uint32_t value) {
  put_be16(to, static_cast<std::uint16_t>(value >> 16));
  put_be16(to, static_cast<std::uint16_t>(value));
}
inline std::uint16_t get_be16(ByteView from, std::size_t at) {
  return static_cast<std::uint16_t>(from[at] << 8 | from[at + 1]);
}
inline std::uint32_t get_be32(ByteView from, std::size_t at) {
  return static_cast<std::uint32_t>(get_be16(from, at)) << 16 | get_be16(from, at + 2);
}
inline std::uint16_t get_le16(ByteView from, std::size_t at) {
  return static_cast<std::uint16_t>(from[at] | from[at + 1] << 8);
}
inline std::uint32_t get_le32(ByteView from, std::size_t at) {
  return get_le16(from, at) | static_cast<std::uint32_t>(get_le16(from, at + 2)) << 16;
}

}  // namespace drydock
