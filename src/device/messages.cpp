#include "device/messages.hpp"

#include "base/limits.hpp"

#include <array>
#include <fmt/core.h>

namespace drydock::device {

using coap::Code;
using coap::Message;
using coap::Type;

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
  return {path_behind_letter(message).substr(0, limits::text), std::string(text_of(message.payload))};
}

Message event_message(std::string_view name, std::string_view data) {
  auto message = coap::request(Type::non_confirmable, Code::post, "e");
  message.add(coap::option::uri_path, view_of(name));
  message.payload.assign(data.begin(), data.end());
  return message;
}

std::string subscription_filter(const Message& message) {
  return path_behind_letter(message).substr(0, limits::text);
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
