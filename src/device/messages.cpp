#include "device/messages.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <fmt/core.h>

namespace drydock::device {

using coap::Code;
using coap::Message;
using coap::Type;

bool is_response_to(const Message& message, const Message& request, bool reliable) {
  if (!reliable && message.type == Type::acknowledgement && message.id != request.id) return false;
  return coap::is_response(message.code) && message.token == request.token;
}

RequestType request_type(const Message& request) {
  const auto* first = request.find(coap::option::uri_path);
  if (first == nullptr || first->value.size() != 1) return RequestType::unknown;
  const char letter = static_cast<char>(first->value[0]);
  const bool get = request.code == Code::get;
  const bool post = request.code == Code::post;
  const bool put = request.code == Code::put;
  if (letter == 'h' && post) return RequestType::hello;
  if (letter == 'd' && post) return RequestType::describe_post;
  if (letter == 't' && get) return RequestType::time;
  if (letter == 'e' || letter == 'E') {
    if (post) return RequestType::event;
    if (get) return RequestType::subscription;
  }
  if (letter == 'x' && post) return RequestType::goodbye;
  if (letter == 'c' && get) return RequestType::update;
  if (letter == 'A' && post) return RequestType::update;
  if (letter == 'u' && (put || post)) return RequestType::update;
  return RequestType::unknown;
}

Message describe_request(std::optional<std::uint8_t> part, const std::optional<coap::Block>& block) {
  auto message = coap::request(Type::confirmable, Code::get, "d");
  if (part) message.add(coap::option::uri_query, {&*part, 1});
  if (block) coap::add_block(message, coap::option::block2, *block);
  return message;
}

Message time_response(const Message& request, std::uint32_t unix_seconds) {
  auto message = coap::piggybacked(request, Code::content);
  put_be32(message.payload, unix_seconds);
  return message;
}

namespace {

// Everything behind the first path option, however the sender split it.
std::string path_behind_letter(const Message& message) {
  const auto path = message.path();
  return path.size() > 2 ? path.substr(2) : std::string();
}

}  // namespace

Event parse_event(const Message& message) {
  Event event;
  event.name = path_behind_letter(message).substr(0, limits::text);
  event.data = text_of(message.payload);
  event.ttl = message.find_uint(coap::option::max_age).value_or(event.ttl);
  event.is_private = message.path().starts_with('E');
  return event;
}

Message event_message(std::string_view name, std::string_view data) {
  auto message = coap::request(Type::non_confirmable, Code::post, "e");
  message.add(coap::option::uri_path, view_of(name));
  message.payload.assign(data.begin(), data.end());
  return message;
}

Message function_request(std::string_view name, std::string_view argument) {
  auto message = coap::request(Type::confirmable, Code::post, "f");
  message.add(coap::option::uri_path, view_of(name));
  message.add(coap::option::uri_query, view_of(argument));
  return message;
}

Message variable_request(std::string_view name) {
  auto message = coap::request(Type::confirmable, Code::get, "v");
  message.add(coap::option::uri_path, view_of(name));
  return message;
}

Message signal_request(bool on) {
  auto message = coap::request(Type::confirmable, Code::put, "s");
  const std::uint8_t value = on ? 1 : 0;
  message.add(coap::option::uri_query, {&value, 1});
  return message;
}

std::size_t longest_argument(std::uint16_t system_version, std::uint16_t platform) {
  if (system_version < 300) return 64;
  if (system_version < 3000) return 622;
  constexpr std::array<std::uint16_t, 3> generation_2{6, 8, 10};  // Photon, P1, Electron
  const bool second = std::find(generation_2.begin(), generation_2.end(), platform) != generation_2.end();
  return second ? 864 : 1024;
}

std::optional<std::int32_t> function_result(const Message& response) {
  if (response.code != Code::changed || response.payload.size() != 4) return std::nullopt;
  return static_cast<std::int32_t>(get_be32(response.payload, 0));
}

Result<VariableValue> variable_value(const Message& response, int type) {
  if (response.code == Code::not_found) return failure(ErrorKind::not_found, "the device has no such variable");
  if (!coap::is_success(response.code))
    return failure(ErrorKind::refused, "the device refuses to say it (" + coap::to_string(response.code) + ")");
  const auto& bytes = response.payload;
  if (type == 4) return std::string(text_of(bytes));
  if (type == 1 && bytes.size() == 1) return bytes[0] != 0;
  if (type == 2 && bytes.size() == 4) return static_cast<std::int32_t>(get_be32(bytes, 0));
  if (type == 9 && bytes.size() == 8) {
    std::uint64_t bits = 0;
    for (int i = 7; i >= 0; --i) bits = bits << 8 | bytes[static_cast<std::size_t>(i)];
    return std::bit_cast<double>(bits);
  }
  return failure(
      ErrorKind::malformed, fmt::format("the device answers with {} bytes, which is no value", bytes.size()));
}

Subscription parse_subscription(const Message& message) {
  return {path_behind_letter(message).substr(0, limits::text),
      std::string(text_of(message.payload).substr(0, limits::text))};
}

std::string goodbye_words(ByteView payload) {
  std::size_t at = 0;
  const auto next = [&]() -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && at < payload.size(); shift += 7) {
      const auto byte = payload[at++];
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return std::nullopt;
  };
  constexpr std::array reasons{"said nothing", "had an error", "was told to disconnect", "lost its network",
      "went into listening mode", "resets", "goes to sleep", "gave no reason", "was moved to another server"};
  const auto flags = next().value_or(0);
  std::string words = "the device ";
  const auto reason = (flags & 1) ? next().value_or(7) : 7;
  words += reasons[reason < reasons.size() ? reason : 7];
  if (flags & 2) next();
  if (flags & 4)
    if (const auto seconds = next()) words += fmt::format(" for {} s", *seconds);
  return words;
}

}  // namespace drydock::device
