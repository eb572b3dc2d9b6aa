// The first message of a device (PROTOCOL §4.1), and ours in return.
#pragma once

#include "coap/message.hpp"
#include "transport/device_id.hpp"

namespace drydock::device {

namespace hello_flag {
/// Only the Core ever sets it: in the first Hello behind an update that it applied, until that is answered.
inline constexpr std::uint16_t ota_succeeded = 0x01;
inline constexpr std::uint16_t diagnostics = 0x02;
inline constexpr std::uint16_t immediate_updates = 0x04;
inline constexpr std::uint16_t goodbye = 0x10;
inline constexpr std::uint16_t posts_describe = 0x20;  ///< sends its Describe unasked
inline constexpr std::uint16_t compressed_ota = 0x40;
inline constexpr std::uint16_t ota_v3 = 0x80;
}  // namespace hello_flag

/// Numbers are 0 where a device of that version does not say.
struct Hello {
  std::uint16_t product_id = 0;
  std::uint16_t product_version = 0xffff;
  std::uint16_t flags = 0;
  std::uint16_t platform = 0;
  std::optional<transport::DeviceId> device_id;  ///< over UDP
  std::uint16_t system_version = 0;
  std::uint16_t max_message = 0;
  std::uint32_t max_binary = 0;
  std::uint16_t chunk_size = 0;
  bool has_flag(std::uint16_t flag) const { return (flags & flag) != 0; }
  bool operator==(const Hello&) const = default;
};

bool is_hello(const coap::Message& message);

/// Reads as many fields as there are; later versions may add more. ErrorKind::malformed when cut inside a field.
Result<Hello> parse_hello(ByteView payload);

/// NON POST h.
coap::Message server_hello();

}  // namespace drydock::device
