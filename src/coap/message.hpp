// A CoAP message (RFC 7252) as bytes and as data. Pure: no sockets, no clock.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <array>
#include <initializer_list>
#include <string>

namespace drydock::coap {

enum class Type : std::uint8_t { confirmable = 0, non_confirmable = 1, acknowledgement = 2, reset = 3 };

/// class.detail as one byte: 2.05 is 0x45. Values outside this list are kept as they came.
enum class Code : std::uint8_t {
  empty = 0x00,
  get = 0x01,
  post = 0x02,
  put = 0x03,
  del = 0x04,
  created = 0x41,
  changed = 0x44,
  content = 0x45,
  continue_ = 0x5f,
  bad_request = 0x80,
  forbidden = 0x83,
  not_found = 0x84,
  request_entity_incomplete = 0x88,
  not_implemented = 0xa1,
  service_unavailable = 0xa3,
};

/// "2.05" and the like.
std::string to_string(Code code);

constexpr bool is_request(Code code) {
  return code != Code::empty && static_cast<std::uint8_t>(code) < 0x20;
}
constexpr bool is_response(Code code) {
  return static_cast<std::uint8_t>(code) >= 0x40;
}
constexpr bool is_success(Code code) {
  return (static_cast<std::uint8_t>(code) >> 5) == 2;
}

/// Option numbers this program reads or writes: RFC 7252 §5.10, RFC 7959 (Block).
namespace option {
inline constexpr std::uint16_t uri_path = 11;
inline constexpr std::uint16_t content_format = 12;
inline constexpr std::uint16_t max_age = 14;
inline constexpr std::uint16_t uri_query = 15;
inline constexpr std::uint16_t block2 = 23;
inline constexpr std::uint16_t block1 = 27;
}  // namespace option

struct Option {
  std::uint16_t number = 0;
  Bytes value;
  bool operator==(const Option&) const = default;
};

/// 0 to 8 bytes chosen by whoever asks, repeated by whoever answers.
class Token {
public:
  Token() = default;
  explicit Token(std::uint8_t only_byte) : size_(1) { bytes_[0] = only_byte; }
  /// At most 8 bytes; more is a programmer error.
  explicit Token(ByteView bytes);
  ByteView bytes() const { return {bytes_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  bool operator==(const Token& other) const = default;

private:
  std::array<std::uint8_t, 8> bytes_{};
  std::uint8_t size_ = 0;
};

struct Message {
  Type type = Type::confirmable;
  Code code = Code::empty;
  std::uint16_t id = 0;
  Token token;
  std::vector<Option> options;  ///< ascending by number; equal numbers keep their order
  Bytes payload;

  bool operator==(const Message&) const = default;

  /// Puts the option behind those of the same or a lower number.
  Message& add(std::uint16_t number, ByteView value);
  /// An unsigned integer in the fewest bytes; 0 is an empty option (RFC 7252 §3.2).
  Message& add_uint(std::uint16_t number, std::uint32_t value);

  const Option* find(std::uint16_t number) const;
  /// The option as an unsigned integer of up to 4 bytes; nothing when absent or longer.
  std::optional<std::uint32_t> find_uint(std::uint16_t number) const;

  /// All Uri-Path segments joined with '/'. Particle's one-letter resources are compared as "h", "d", "E/name".
  std::string path() const;
};

/// Fails with ErrorKind::malformed: shorter than its header says, a version other than 1, a token longer than 8, a
/// reserved option nibble, anything after an empty message's id; and with ErrorKind::too_large for more than
/// limits::options_per_message options. A payload marker with nothing behind it is let pass, against RFC 7252 §3:
/// Device OS up to 2.x sends it with every event that has no data.
Result<Message> decode(ByteView bytes);

/// Throws std::logic_error when the options are not ascending or longer than the format can say: ours to get right.
Bytes encode(const Message& message);

/// Requests and answers in the forms Particle devices parse: the one-letter path first.
Message request(Type type, Code code, std::string_view path);
Message empty_acknowledgement(std::uint16_t id);
/// A response that travels inside the acknowledgement of `to`.
Message piggybacked(const Message& to, Code code);

}  // namespace drydock::coap
