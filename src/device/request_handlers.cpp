// What the device asks of us or tells us unasked, whatever is being waited for.
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "device/protocol.hpp"
#include "device/vitals.hpp"

#include <algorithm>
#include <charconv>

namespace drydock::device {

using namespace std::chrono_literals;
using coap::Code;
using coap::Message;
using coap::Type;

namespace {

constexpr std::size_t subscriptions_kept = 32;

// An application may have events of its own that end alike.
bool is_query_event(const Event& event, std::string_view what) {
  for (const std::string_view prefix : {"spark/device/", "particle/device/"})
    if (event.name.starts_with(prefix) && std::string_view(event.name).substr(prefix.size()) == what) return true;
  return false;
}

template <class Number>
void read_number(std::string_view text, Number& into) {
  Number n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error == std::errc{} && end == text.data() + text.size()) into = n;
}

}  // namespace

// A device cannot make us work without end: beyond the rate limit for its requests the connection is closed.
bool DeviceProtocol::within_rate_limit() {
  const auto now = Clock::now();
  if (now - rate_window_start_ > 1s) {
    rate_window_start_ = now;
    rate_window_count_ = 0;
  }
  return ++rate_window_count_ <= limits::messages_per_second;
}

asio::awaitable<Result<void>> DeviceProtocol::answer(const Message& message) {
  // What it says because it was asked is no noise of its own.
  const bool request = coap::is_request(message.code);
  const bool asked_for = !request && (calls_.respond(message, channel_.reliable()) || calls_.acknowledge(message));
  if (!asked_for && !within_rate_limit()) co_return failure(ErrorKind::too_large, "the device sends too many messages");
  // A ping is answered by an acknowledgement: the RFC's reset makes devices throw their session away. Responses that
  // nobody waits for any more get one too.
  if (!request) co_return co_await acknowledge(message);
  switch (request_type(message)) {
    case RequestType::time: {
      const auto response = time_response(message, static_cast<std::uint32_t>(utc_milliseconds() / 1000));
      co_return co_await channel_.send(response);
    }
    case RequestType::describe_post: co_return co_await take_describe_post(message);
    case RequestType::event: co_return co_await take_event(message);
    case RequestType::subscription: {
      auto filter = parse_subscription(message);
      auto& known = reported_.subscriptions;
      if (known.size() < subscriptions_kept && std::find(known.begin(), known.end(), filter) == known.end())
        known.push_back(std::move(filter));
      callbacks_.on_subscription();
      co_return co_await acknowledge(message);
    }
    case RequestType::goodbye: {
      log::debug("goodbye: {}", goodbye_words(message.payload));
      const auto sent = co_await acknowledge(message);
      // Over TCP it closes the connection next.
      if (sent && !channel_.reliable()) co_return failure(ErrorKind::closed, goodbye_words(message.payload));
      co_return sent;
    }
    case RequestType::hello: {
      if (channel_.reliable()) co_return co_await acknowledge(message);
      const auto greeted = co_await accept_hello(message);
      if (!greeted) co_return greeted;
      co_return failure(ErrorKind::session_restarted, "the device started anew");
    }
    case RequestType::update: co_return co_await acknowledge(message);
    case RequestType::unknown: break;
  }
  if (message.type != Type::confirmable) co_return Result<void>{};
  const auto not_found = coap::piggybacked(message, Code::not_found);
  co_return co_await channel_.send(not_found);
}

asio::awaitable<Result<void>> DeviceProtocol::take_describe_post(const Message& message) {
  const auto block = coap::find_block(message, coap::option::block1);
  std::optional<Bytes> body = message.payload;
  auto reply = coap::empty_acknowledgement(message.id);
  if (block) {
    auto whole = posted_describe_.add(*block, message.payload);
    body = whole ? std::move(*whole) : std::nullopt;
    reply = coap::piggybacked(message,
        !whole            ? Code::request_entity_incomplete
            : block->more ? Code::continue_
                          : Code::changed);
    coap::add_block(reply, coap::option::block1, *block);
  }
  if (body && is_vitals(*body)) {
    callbacks_.on_vitals(*body);
  } else if (body) {
    // One that cannot be read is no reason to part: describe() asks for what it needs.
    auto described = parse_describe(*body);
    if (described)
      apply_describe(std::move(*described));
    else
      log::debug("a posted Describe was not understood: {}", described.error().message);
  }
  if (message.type != Type::confirmable) co_return Result<void>{};
  co_return co_await channel_.send(reply);
}

void DeviceProtocol::apply_describe(Describe describe) {
  // A Core has no modules to speak of, and the oldest do not even say so.
  if (!describe.system && firmware::is_monolithic(reported_.hello.platform)) describe.system.emplace();
  if (describe.system) {
    reported_.system = std::move(describe.system);
    state_changed_ = true;
  }
  if (describe.application) {
    reported_.application = std::move(describe.application);
    state_changed_ = true;
  }
}

// The events that tell about the device itself (PROTOCOL §4.11).
asio::awaitable<Result<void>> DeviceProtocol::take_event(const Message& message) {
  const auto event = parse_event(message);
  const auto acknowledged = co_await acknowledge(message);
  if (!acknowledged) co_return acknowledged;

  std::optional<std::string> reply;
  if (event.name == "spark/device/safemode") {
    reported_.safe_mode = state_changed_ = true;
  } else if (event.name == "particle/device/updates/enabled") {
    reported_.updates_enabled = event.data == "true";
    state_changed_ = true;
  } else if (event.name == "particle/device/updates/forced") {
    reported_.updates_forced = event.data == "true";
    state_changed_ = true;
  } else if (event.name == "spark/hardware/max_binary") {
    read_number(event.data, reported_.max_binary);
  } else if (event.name == "spark/hardware/ota_chunk_size") {
    read_number(event.data, reported_.chunk_size);
  } else if (event.name == "spark/device/last_reset") {
    reported_.last_reset = event.data.substr(0, limits::text);
  } else if (is_query_event(event, "name")) {
    reply = callbacks_.device_name();
  } else if (is_query_event(event, "ip")) {
    reply = without_port(channel_.peer());
  } else if (is_query_event(event, "random")) {
    const auto random = random_.bytes(20);
    reply = to_hex(random);
  }
  callbacks_.on_event(event);
  if (!reply) co_return Result<void>{};
  auto answer_event = event_message(event.name, *reply);
  answer_event.id = next_message_id();
  co_return co_await channel_.send(answer_event);
}

}  // namespace drydock::device
