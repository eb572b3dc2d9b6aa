#include "coap/message.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <stdexcept>

namespace drydock::coap {
namespace {

constexpr std::uint8_t payload_marker = 0xff;

// An option's delta and length share one scheme (RFC 7252 §3.1): a nibble below 13 is the value, 13 and 14 announce
// one and two more bytes, 15 is reserved.
struct Extended {
  std::uint8_t nibble;
  std::uint8_t extra_size;
  std::uint16_t extra;
};

Extended extend(std::size_t value) {
  if (value < 13) return {static_cast<std::uint8_t>(value), 0, 0};
  if (value < 269) return {13, 1, static_cast<std::uint16_t>(value - 13)};
  if (value <= 0xffff + 269) return {14, 2, static_cast<std::uint16_t>(value - 269)};
  throw std::logic_error("CoAP option longer than its format can say");
}

void put_extra(Bytes& to, const Extended& e) {
  if (e.extra_size == 2) return put_be16(to, e.extra);
  if (e.extra_size == 1) to.push_back(static_cast<std::uint8_t>(e.extra));
}

class Reader {
public:
  explicit Reader(ByteView bytes) : left_(bytes) {}
  bool empty() const { return left_.empty(); }
  std::uint8_t peek() const { return left_.front(); }
  ByteView rest() const { return left_; }

  bool take(std::size_t size, ByteView& into) {
    if (left_.size() < size) return false;
    into = left_.first(size);
    left_ = left_.subspan(size);
    return true;
  }
  bool take_extended(std::uint8_t nibble, std::size_t& value) {
    ByteView extra;
    if (nibble < 13) {
      value = nibble;
    } else if (nibble == 13) {
      if (!take(1, extra)) return false;
      value = extra[0] + std::size_t{13};
    } else if (nibble == 14) {
      if (!take(2, extra)) return false;
      value = get_be16(extra, 0) + std::size_t{269};
    } else {
      return false;
    }
    return true;
  }

private:
  ByteView left_;
};

Result<void> decode_options(Reader& in, Message& message) {
  std::size_t number = 0;
  while (!in.empty() && in.peek() != payload_marker) {
    if (message.options.size() == limits::options_per_message)
      return failure(ErrorKind::too_large, "CoAP message with too many options");
    ByteView head;
    ByteView value;
    std::size_t delta = 0;
    std::size_t length = 0;
    in.take(1, head);
    if (!in.take_extended(head[0] >> 4, delta) || !in.take_extended(head[0] & 15, length) || !in.take(length, value))
      return failure(ErrorKind::malformed, "CoAP option cut short");
    number += delta;
    if (number > 0xffff) return failure(ErrorKind::malformed, "CoAP option number beyond 65535");
    message.options.push_back(Option{static_cast<std::uint16_t>(number), Bytes(value.begin(), value.end())});
  }
  return {};
}

}  // namespace

std::string to_string(Code code) {
  const auto byte = static_cast<std::uint8_t>(code);
  return fmt::format("{}.{:02}", byte >> 5, byte & 31);
}

Token::Token(ByteView bytes) : size_(static_cast<std::uint8_t>(bytes.size())) {
  if (bytes.size() > bytes_.size()) throw std::logic_error("CoAP token longer than 8 bytes");
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

Message& Message::add(std::uint16_t number, ByteView value) {
  const auto at = std::upper_bound(
      options.begin(), options.end(), number, [](std::uint16_t n, const Option& o) { return n < o.number; });
  options.insert(at, Option{number, Bytes(value.begin(), value.end())});
  return *this;
}

Message& Message::add_uint(std::uint16_t number, std::uint32_t value) {
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    if (const auto byte = static_cast<std::uint8_t>(value >> shift); byte != 0 || !bytes.empty()) bytes.push_back(byte);
  return add(number, bytes);
}

const Option* Message::find(std::uint16_t number) const {
  const auto found =
      std::find_if(options.begin(), options.end(), [number](const Option& o) { return o.number == number; });
  return found == options.end() ? nullptr : &*found;
}

std::optional<std::uint32_t> Message::find_uint(std::uint16_t number) const {
  const auto* o = find(number);
  if (o == nullptr || o->value.size() > 4) return std::nullopt;
  std::uint32_t value = 0;
  for (const auto byte : o->value) value = value << 8 | byte;
  return value;
}

std::string Message::path() const {
  std::string joined;
  bool first = true;
  for (const auto& o : options) {
    if (o.number != option::uri_path) continue;
    if (!first) joined += '/';
    first = false;
    joined += text_of(o.value);
  }
  return joined;
}

Result<Message> decode(ByteView bytes) {
  Reader in(bytes);
  ByteView header;
  if (!in.take(4, header)) return failure(ErrorKind::malformed, "CoAP message shorter than its header");
  if (header[0] >> 6 != 1) return failure(ErrorKind::malformed, "CoAP version is not 1");

  Message message;
  message.type = static_cast<Type>(header[0] >> 4 & 3);
  message.code = static_cast<Code>(header[1]);
  message.id = get_be16(header, 2);
  const std::size_t token_size = header[0] & 15;
  if (message.code == Code::empty) {
    if (token_size != 0 || !in.empty()) return failure(ErrorKind::malformed, "CoAP empty message with content");
    return message;
  }
  ByteView token;
  if (token_size > 8) return failure(ErrorKind::malformed, "CoAP token longer than 8 bytes");
  if (!in.take(token_size, token)) return failure(ErrorKind::malformed, "CoAP token cut short");
  message.token = Token(token);

  if (auto read = decode_options(in, message); !read) return tl::unexpected(read.error());
  if (in.empty()) return message;
  // The RFC forbids a marker with nothing behind it; Device OS up to 2.x ends every event without data that way.
  const auto payload = in.rest().subspan(1);
  message.payload.assign(payload.begin(), payload.end());
  return message;
}

Bytes encode(const Message& message) {
  Bytes out;
  out.reserve(16 + message.options.size() * 16 + message.payload.size());
  const auto token = message.token.bytes();
  out.push_back(static_cast<std::uint8_t>(0x40 | static_cast<std::uint8_t>(message.type) << 4 | token.size()));
  out.push_back(static_cast<std::uint8_t>(message.code));
  put_be16(out, message.id);
  append(out, token);
  std::uint16_t previous = 0;
  for (const auto& o : message.options) {
    if (o.number < previous) throw std::logic_error("CoAP options out of order");
    const auto delta = extend(o.number - previous);
    const auto length = extend(o.value.size());
    out.push_back(static_cast<std::uint8_t>(delta.nibble << 4 | length.nibble));
    put_extra(out, delta);
    put_extra(out, length);
    append(out, o.value);
    previous = o.number;
  }
  if (!message.payload.empty()) {
    out.push_back(payload_marker);
    append(out, message.payload);
  }
  return out;
}

Message request(Type type, Code code, std::string_view path) {
  Message message;
  message.type = type;
  message.code = code;
  message.add(option::uri_path, view_of(path));
  return message;
}

Message empty_acknowledgement(std::uint16_t id) {
  Message message;
  message.type = Type::acknowledgement;
  message.id = id;
  return message;
}

Message piggybacked(const Message& to, Code code) {
  Message message = empty_acknowledgement(to.id);
  message.code = code;
  message.token = to.token;
  return message;
}

}  // namespace drydock::coap
