#include "transfer/ota_v3_messages.hpp"

#include "transfer/image_check.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::transfer {
namespace {

using coap::Code;
using coap::Message;
using coap::Type;

// Numbers of Particle's own, all critical (PROTOCOL §5.5).
namespace option {
constexpr std::uint16_t chunk_index = 2049;
constexpr std::uint16_t window_size = 2053;
constexpr std::uint16_t file_size = 2057;  // in the response: the offset
constexpr std::uint16_t file_sha256 = 2061;
constexpr std::uint16_t chunk_size = 2065;
constexpr std::uint16_t module_function = 2077;
}  // namespace option

constexpr std::size_t most_bitmap_words = 8;
constexpr std::size_t longest_words = 200;

}  // namespace

Message update_start(const UpdateStart& start) {
  auto message = coap::request(Type::confirmable, Code::post, "S");
  message.add_uint(option::file_size, start.file_size);
  if (!start.sha256.empty()) message.add(option::file_sha256, start.sha256);
  message.add_uint(option::chunk_size, start.chunk_size);
  if (start.module_function) message.add_uint(option::module_function, *start.module_function);
  return message;
}

std::optional<UpdateStartResponse> parse_started(const Message& response) {
  if (response.code != Code::created) return std::nullopt;
  const auto window = response.find_uint(option::window_size);
  const auto offset = response.find_uint(option::file_size);
  if (!window || *window == 0 || !offset) return std::nullopt;
  return UpdateStartResponse{*window, *offset};
}

Message update_chunk(std::uint32_t index, ByteView data) {
  auto message = coap::request(Type::non_confirmable, Code::post, "C");
  message.add_uint(option::chunk_index, index);
  message.payload.assign(data.begin(), data.end());
  return message;
}

std::optional<ChunksReceived> parse_chunks_received(const Message& message) {
  if (message.code != Code::post || message.path() != "A") return std::nullopt;
  const auto index = message.find_uint(option::chunk_index);
  if (!index) return std::nullopt;
  ChunksReceived received;
  received.in_order = *index;
  const auto words = std::min(message.payload.size() / 4, most_bitmap_words);
  for (std::size_t word = 0; word < words; ++word) {
    const auto bits = get_le32(message.payload, word * 4);
    for (std::uint32_t bit = 0; bit < 32; ++bit)
      if (bits >> bit & 1)
        received.out_of_order.push_back(received.in_order + 1 + static_cast<std::uint32_t>(word) * 32 + bit);
  }
  return received;
}

Message update_finish() {
  return coap::request(Type::confirmable, Code::post, "F");
}

std::string error_words(const Message& response) {
  const auto json = nlohmann::json::parse(response.payload.begin(), response.payload.end(), nullptr, false);
  if (!json.is_object()) {
    // Cut off in the middle: the number stands in front.
    const auto text = std::string(text_of(response.payload)).substr(0, longest_words);
    int code = 0;
    if (std::sscanf(text.c_str(), "{\"code\":%d", &code) == 1 && code < 0) return system_error_words(code);
    return fmt::format("the device reports an error ({})", coap::to_string(response.code));
  }
  const auto code = json.find("code");
  const auto message = json.find("message");
  auto words = code != json.end() && code->is_number_integer()
      ? system_error_words(static_cast<int>(std::clamp<std::int64_t>(code->get<std::int64_t>(), -1'000'000, 1'000'000)))
      : fmt::format("the device reports an error ({})", coap::to_string(response.code));
  if (message != json.end() && message->is_string())
    words += ": " + message->get<std::string>().substr(0, longest_words);
  return words;
}

}  // namespace drydock::transfer
