#include "device/protocol.hpp"

#include "base/limits.hpp"

#include <algorithm>

namespace drydock::device {

using namespace std::chrono_literals;
using coap::Code;
using coap::Message;
using coap::Type;

namespace {

constexpr std::size_t events_at_once = 4;
// Devices that post their Describe do it right after Hello; asking before that would only have it sent twice.
constexpr auto describe_post_timeout = 3s;
constexpr auto status_event_timeout = 5s;
constexpr auto event_quiet_period = 500ms;

std::uint16_t random_id(crypto::Random& random) {
  const auto bytes = random.bytes(2);
  return get_be16(bytes, 0);
}

}  // namespace

DeviceProtocol::DeviceProtocol(transport::Channel& channel, crypto::Random& random)
    : channel_(channel),
      random_(random),
      posted_describe_(limits::describe),
      message_id_(random_id(random)),
      token_(static_cast<std::uint8_t>(message_id_)) {}

asio::awaitable<Result<void>> DeviceProtocol::send(const Message& message, bool more_follow) {
  const auto then = more_follow ? transport::Flush::later : transport::Flush::now;
  co_return co_await channel_.send(message, then);
}

asio::awaitable<Result<Message>> DeviceProtocol::next(Clock::time_point deadline) {
  if (pending_message_) {
    auto message = std::move(*pending_message_);
    pending_message_.reset();
    co_return message;
  }
  co_return co_await channel_.receive(deadline);
}

// The first message of all decides by itself what begins here.
asio::awaitable<Result<Message>> DeviceProtocol::first(Clock::time_point deadline) {
  for (;;) {
    auto message = co_await next(deadline);
    if (message ||
        (message.error().kind != ErrorKind::session_restarted && message.error().kind != ErrorKind::interrupted))
      co_return message;
    interrupted_ |= message.error().kind == ErrorKind::interrupted;
  }
}

// Waiting for something in particular. Who interrupts meanwhile is heard afterwards, by answer_until().
asio::awaitable<Result<Message>> DeviceProtocol::receive(Clock::time_point deadline) {
  for (;;) {
    auto message = co_await next(deadline);
    if (!message && message.error().kind == ErrorKind::session_restarted) {
      auto why = co_await handle_resumption();
      co_return tl::unexpected(std::move(why));
    }
    if (message || message.error().kind != ErrorKind::interrupted) co_return message;
  }
}

// The device resumed its session: it says Hello, or it goes on as what it said it was before.
asio::awaitable<Error> DeviceProtocol::handle_resumption() {
  auto remembered = hello_payload_;
  const auto resumed = co_await resume(std::move(remembered), Clock::now() + status_event_timeout);
  if (!resumed) co_return resumed.error();
  co_return Error{ErrorKind::session_restarted, "the device started anew"};
}

asio::awaitable<Result<void>> DeviceProtocol::hello(Clock::time_point deadline) {
  const auto message = co_await first(deadline);
  if (!message) co_return tl::unexpected(message.error());
  if (!is_hello(*message)) co_return failure(ErrorKind::malformed, "the device's first message is not Hello");
  co_return co_await accept_hello(*message);
}

asio::awaitable<Result<void>> DeviceProtocol::resume(Bytes hello_payload, Clock::time_point deadline) {
  const auto remembered = parse_hello(hello_payload);
  if (!remembered) co_return tl::unexpected(remembered.error());
  auto message = co_await first(deadline);
  if (!message) co_return tl::unexpected(message.error());
  if (is_hello(*message)) co_return co_await accept_hello(*message);
  hello_payload_ = std::move(hello_payload);
  reported_ = ReportedState{};
  reported_.hello = *remembered;
  reported_.max_binary = remembered->max_binary;
  reported_.chunk_size = remembered->chunk_size;
  reported_.resumed = true;
  posts_describe_ = false;
  state_changed_ = false;
  pending_message_ = std::move(*message);
  co_return Result<void>{};
}

// Everything the device said before belongs to another run of it.
asio::awaitable<Result<void>> DeviceProtocol::accept_hello(const Message& message) {
  const auto hello = parse_hello(message.payload);
  if (!hello) co_return tl::unexpected(hello.error());
  reported_ = ReportedState{};
  reported_.hello = *hello;
  reported_.max_binary = hello->max_binary;
  reported_.chunk_size = hello->chunk_size;
  if (!channel_.reliable()) hello_payload_ = message.payload;
  posted_describe_.reset();
  posts_describe_ = hello->has_flag(hello_flag::posts_describe);
  state_changed_ = false;
  if (const auto sent = co_await acknowledge(message); !sent) co_return sent;
  if (!channel_.reliable()) co_return Result<void>{};
  auto ours = server_hello();
  ours.id = next_message_id();
  co_return co_await channel_.send(ours);
}

asio::awaitable<Result<void>> DeviceProtocol::describe() {
  reported_.system.reset();
  if (posts_describe_) {
    const auto deadline = Clock::now() + describe_post_timeout;
    while (!reported_.system) {
      const auto message = co_await receive(deadline);
      if (!message && message.error().kind == ErrorKind::timed_out) break;
      if (!message) co_return tl::unexpected(message.error());
      if (const auto sent = co_await answer(*message); !sent) co_return sent;
    }
  }
  if (!reported_.system) {
    auto body = co_await fetch_describe(describe_flag::system);
    // Up to 1.5 some devices know the request only without a part.
    if (!body && body.error().kind == ErrorKind::refused) body = co_await fetch_describe(std::nullopt);
    if (!body && body.error().kind == ErrorKind::refused)
      co_return failure(ErrorKind::unusable_describe, body.error().message);
    if (!body) co_return tl::unexpected(body.error());
    auto described = parse_describe(*body);
    if (!described) co_return failure(ErrorKind::unusable_describe, described.error().message);
    apply_describe(std::move(*described));
    if (!reported_.system) {
      // Before 0.6.0 the parts had other numbers, and 1 was the application's: without one all is said.
      body = co_await fetch_describe(std::nullopt);
      if (!body && body.error().kind != ErrorKind::refused) co_return tl::unexpected(body.error());
      if (body)
        if (auto whole = parse_describe(*body)) apply_describe(std::move(*whole));
    }
    state_changed_ = false;  // it was asked for: nothing new
    if (!reported_.system)
      co_return failure(ErrorKind::unusable_describe, "the device's Describe says nothing about its system");
  }
  co_return co_await collect_status_events();
}

void DeviceProtocol::forget_describe() {
  posts_describe_ = false;
  reported_.system.reset();
  reported_.application.reset();
  posted_describe_.reset();
}

// Right behind its Describe a device says whether it takes updates, that it is in safe mode, and how large a file may
// be (PROTOCOL §4.11). What it should get can be decided only with that.
asio::awaitable<Result<void>> DeviceProtocol::collect_status_events() {
  const bool will_say = reported_.hello.has_flag(hello_flag::immediate_updates) && !reported_.resumed;
  const auto longest = Clock::now() + status_event_timeout;
  for (;;) {
    const bool still_to_come = will_say && !reported_.updates_enabled;
    const auto quiet = std::min(Clock::now() + event_quiet_period, longest);
    const auto until = still_to_come ? longest : quiet;
    const auto message = co_await receive(until);
    if (!message && message.error().kind == ErrorKind::timed_out) break;
    if (!message) co_return tl::unexpected(message.error());
    if (const auto sent = co_await answer(*message); !sent) co_return sent;
    if (Clock::now() >= longest) break;
  }
  state_changed_ = false;
  co_return Result<void>{};
}

asio::awaitable<Result<void>> DeviceProtocol::describe_application() {
  if (reported_.application || posts_describe_) co_return Result<void>{};
  const auto body = co_await fetch_describe(describe_flag::application);
  const bool is_optional = body || body.error().kind == ErrorKind::refused ||
      body.error().kind == ErrorKind::unusable_describe || body.error().kind == ErrorKind::timed_out;
  if (!is_optional) co_return tl::unexpected(body.error());
  if (body)
    if (auto described = parse_describe(*body)) apply_describe(std::move(*described));
  reported_.application = reported_.application.value_or(ApplicationDescribe{});
  co_return Result<void>{};
}

asio::awaitable<Result<Bytes>> DeviceProtocol::fetch_describe(std::optional<std::uint8_t> part) {
  coap::BlockAssembler body(limits::describe);
  std::optional<coap::Block> next;
  const auto deadline = Clock::now() + limits::describe_timeout;
  for (;;) {
    auto request = describe_request(part, next);
    request.id = next_message_id();
    request.token = next_token();
    if (const auto sent = co_await channel_.send(request); !sent) co_return tl::unexpected(sent.error());
    const auto response = co_await response_to(request, deadline);
    if (!response && response.error().kind == ErrorKind::timed_out)
      co_return failure(ErrorKind::timed_out, "the device did not answer the request for its Describe");
    if (!response) co_return tl::unexpected(response.error());
    if (!coap::is_success(response->code))
      co_return failure(
          ErrorKind::refused, "the device refuses to describe itself (" + coap::to_string(response->code) + ")");
    const auto block = coap::find_block(*response, coap::option::block2);
    if (!block) co_return response->payload;
    const bool expected = block->number == (next ? next->number : 0) && (!block->more || !response->payload.empty());
    if (!expected)
      co_return failure(
          ErrorKind::unusable_describe, "the device answers with another block of its Describe than was asked for");
    auto whole = body.add(*block, response->payload);
    if (!whole) co_return failure(ErrorKind::unusable_describe, whole.error().message);
    if (*whole) co_return std::move(**whole);
    const coap::Block following{block->number + 1, false, block->size_exponent};
    next = following;
  }
}

asio::awaitable<Result<Message>> DeviceProtocol::response_to(const Message& request, Clock::time_point deadline) {
  for (;;) {
    auto message = co_await receive(deadline);
    if (!message) co_return message;
    if (is_response_to(*message, request, channel_.reliable())) {
      if (const auto sent = co_await acknowledge(*message); !sent) co_return tl::unexpected(sent.error());
      co_return message;
    }
    if (const auto sent = co_await answer(*message); !sent) co_return tl::unexpected(sent.error());
  }
}

void DeviceProtocol::interrupt() {
  interrupted_ = true;
  channel_.interrupt();
}

Result<void> DeviceProtocol::call(Call call) {
  auto submitted = calls_.submit(std::move(call));
  if (submitted) channel_.interrupt();
  return submitted;
}

void DeviceProtocol::deliver(const Event& event) {
  if (events_.size() >= limits::events_per_device) events_.erase(events_.begin());
  events_.push_back(event_message(event.name, event.data));
  channel_.interrupt();
}

bool DeviceProtocol::takes(const Event& event, const std::optional<transport::DeviceId>& from) const {
  constexpr std::size_t longest_name = 64;
  const auto& hello = reported_.hello;
  // The limits of an event's data are those of an argument (PROTOCOL §4.5, §4.6).
  if (event.name.size() > longest_name || event.data.size() > longest_argument(hello.system_version, hello.platform))
    return false;
  const auto& known = reported_.subscriptions;
  return std::any_of(known.begin(), known.end(), [&](const Subscription& subscription) {
    return event.name.starts_with(subscription.prefix) &&
        (subscription.from.empty() || (from && from->text() == subscription.from));
  });
}

// What was asked for from outside, and what is to be told.
asio::awaitable<Result<void>> DeviceProtocol::send_waiting() {
  calls_.expire(Clock::now());
  while (calls_.waiting()) {
    auto token = next_token();
    while (calls_.uses(token)) token = next_token();
    const auto request = calls_.take(next_message_id(), token);
    if (const auto sent = co_await channel_.send(*request); !sent) co_return sent;
  }
  // Over UDP a few at a time, as long as it acknowledges them: an older device hears nothing else meanwhile.
  while (!events_.empty() && channel_.unacknowledged_messages() < events_at_once) {
    auto event = std::move(events_.front());
    events_.erase(events_.begin());
    event.id = next_message_id();
    if (!channel_.reliable()) event.type = Type::confirmable;
    if (const auto sent = co_await channel_.send(event); !sent) co_return sent;
  }
  co_return Result<void>{};
}

asio::awaitable<Result<WakeReason>> DeviceProtocol::answer_until(Clock::time_point until) {
  auto silent_since = Clock::now();
  while (!std::exchange(state_changed_, false)) {
    if (std::exchange(interrupted_, false)) co_return WakeReason::interrupted;
    if (const auto sent = co_await send_waiting(); !sent) co_return tl::unexpected(sent.error());
    const auto gone = silent_since + idle_timeout();
    channel_.rest();
    const auto first = std::min(std::min(until, gone), calls_.next_deadline());
    const auto message = co_await next(first);
    if (!message && message.error().kind == ErrorKind::session_restarted) {
      auto why = co_await handle_resumption();
      co_return tl::unexpected(std::move(why));
    }
    if (!message && message.error().kind == ErrorKind::interrupted) continue;
    if (!message && message.error().kind == ErrorKind::timed_out) {
      if (Clock::now() >= gone) co_return failure(ErrorKind::timed_out, "the device fell silent");
      if (Clock::now() >= until) co_return WakeReason::deadline;
      continue;
    }
    if (!message) co_return tl::unexpected(message.error());
    silent_since = Clock::now();
    if (const auto sent = co_await answer(*message); !sent) co_return tl::unexpected(sent.error());
  }
  co_return WakeReason::state_changed;
}

asio::awaitable<Result<void>> DeviceProtocol::force_updates() {
  // It answers only when the value changes, and in a resumed session nobody knows what it is.
  for (const auto* value : {"false", "true"}) {
    if (!reported_.resumed && value == std::string_view("false")) continue;
    auto event = event_message("particle/device/updates/forced", value);
    event.id = next_message_id();
    if (!channel_.reliable()) event.type = Type::confirmable;
    if (const auto sent = co_await channel_.send(event); !sent) co_return sent;
  }
  co_return Result<void>{};
}

asio::awaitable<Result<bool>> DeviceProtocol::wait_for_reset(Clock::time_point until) {
  for (;;) {
    const auto message = co_await receive(until);
    if (!message && message.error().kind == ErrorKind::timed_out) co_return false;
    if (!message && message.error().kind == ErrorKind::closed) co_return true;
    if (!message) co_return tl::unexpected(message.error());
    const auto sent = co_await answer(*message);
    if (!sent && sent.error().kind == ErrorKind::session_restarted) co_return tl::unexpected(sent.error());
    if (!sent) co_return true;
  }
}

asio::awaitable<Result<Message>> DeviceProtocol::receive_update_message(Clock::time_point deadline) {
  for (;;) {
    auto message = co_await receive(deadline);
    if (!message) co_return message;
    const bool request = coap::is_request(message->code);
    const bool answers_something =
        message->code != Code::empty || message->type == Type::acknowledgement || message->type == Type::reset;
    if (!request && answers_something) {
      if (const auto sent = co_await acknowledge(*message); !sent) co_return tl::unexpected(sent.error());
      co_return message;
    }
    if (request && request_type(*message) == RequestType::update) {
      if (const auto sent = co_await acknowledge(*message); !sent) co_return tl::unexpected(sent.error());
      co_return message;
    }
    if (const auto sent = co_await answer(*message); !sent) co_return tl::unexpected(sent.error());
  }
}

asio::awaitable<Result<void>> DeviceProtocol::acknowledge(const Message& message) {
  if (message.type != Type::confirmable) co_return Result<void>{};
  const auto acknowledgement = coap::empty_acknowledgement(message.id);
  co_return co_await channel_.send(acknowledgement);
}

// TCP devices ping after 15 s. Over UDP the pause is a minute at most on Wi-Fi, and 23 minutes on a cellular network,
// where each datagram costs (PROTOCOL §3.8); and a ping may have to be said four times.
Clock::duration DeviceProtocol::idle_timeout() const {
  if (channel_.reliable()) return limits::idle_timeout_tcp;
  const auto* platform = firmware::find_platform(reported_.hello.platform);
  return platform != nullptr && !platform->cellular ? Clock::duration(limits::idle_timeout_wifi)
                                                    : Clock::duration(limits::idle_timeout_cellular);
}

}  // namespace drydock::device
