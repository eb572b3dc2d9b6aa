#include "device/hello.hpp"

#include <algorithm>

namespace drydock::device {

bool is_hello(const coap::Message& message) {
  return message.code == coap::Code::post && message.path() == "h";
}

Result<Hello> parse_hello(ByteView payload) {
  Hello hello;
  std::size_t at = 0;
  const auto has = [&](std::size_t size) { return at + size <= payload.size(); };
  const auto number16 = [&](std::uint16_t& into) {
    into = get_be16(payload, at);
    at += 2;
  };
  // Each group of fields came with some release; a message ends between groups.
  if (payload.empty()) return hello;
  if (!has(8)) return failure(ErrorKind::malformed, "Hello is cut short");
  number16(hello.product_id);
  number16(hello.product_version);
  number16(hello.flags);
  number16(hello.platform);
  if (at == payload.size()) return hello;

  if (!has(2)) return failure(ErrorKind::malformed, "Hello is cut short");
  const std::size_t id_size = payload[at + 1];  // the byte before it is reserved
  at += 2;
  if (!has(id_size)) return failure(ErrorKind::malformed, "Hello is cut short");
  if (id_size == 12) {
    transport::DeviceId id;
    std::copy_n(payload.begin() + static_cast<std::ptrdiff_t>(at), id_size, id.bytes.begin());
    hello.device_id = id;
  }
  at += id_size;
  if (at == payload.size()) return hello;

  if (!has(10)) return failure(ErrorKind::malformed, "Hello is cut short");
  number16(hello.system_version);
  number16(hello.max_message);
  hello.max_binary = get_be32(payload, at);
  at += 4;
  number16(hello.chunk_size);
  return hello;
}

coap::Message server_hello() {
  return coap::request(coap::Type::non_confirmable, coap::Code::post, "h");
}

}  // namespace drydock::device
