#include "transfer/chunked_messages.hpp"

#include "base/crc32.hpp"

#include <algorithm>

namespace drydock::transfer {

using coap::Code;
using coap::Message;
using coap::Type;

Message update_begin(bool offer_fast, std::uint16_t chunk_size, std::uint32_t file_size) {
  auto message = coap::request(Type::confirmable, Code::post, "u");
  message.payload.push_back(offer_fast ? 1 : 0);
  put_be16(message.payload, chunk_size);
  put_be32(message.payload, file_size);
  message.payload.push_back(0);
  put_be32(message.payload, 0);
  return message;
}

bool is_fast(const Message& update_ready) {
  return !update_ready.payload.empty() && (update_ready.payload[0] & 1) != 0;
}

Message chunk(ByteView data) {
  auto message = coap::request(Type::confirmable, Code::post, "c");
  Bytes crc;
  put_be32(crc, crc32(data));
  message.add(coap::option::uri_query, crc);
  message.payload.assign(data.begin(), data.end());
  return message;
}

Message chunk(ByteView data, std::uint16_t index) {
  auto message = chunk(data);
  message.type = Type::non_confirmable;
  Bytes number;
  put_be16(number, index);
  message.add(coap::option::uri_query, number);
  return message;
}

Message update_done(Type type) {
  return coap::request(type, Code::put, "u");
}

std::vector<std::uint16_t> missed_chunks(const Message& chunk_missed, std::size_t chunk_count) {
  std::vector<std::uint16_t> indices;
  const ByteView payload = chunk_missed.payload;
  for (std::size_t at = 0; at + 2 <= payload.size(); at += 2)
    if (const auto index = get_be16(payload, at); index < chunk_count) indices.push_back(index);
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  return indices;
}

bool is_chunk_missed(const Message& message) {
  return message.code == Code::get && message.path() == "c";
}

bool is_update_done(const Message& message) {
  return (message.code == Code::put || message.code == Code::post) && message.path() == "u";
}

}  // namespace drydock::transfer
