#include "device/conversation.hpp"

#include "base/limits.hpp"

#include <algorithm>

namespace drydock::device {

using namespace std::chrono_literals;
using coap::Code;
using coap::Message;
using coap::Type;

namespace {

// Devices that post their Describe do it right after Hello; asking before that would only have it sent twice.
constexpr auto time_to_post = 3s;
constexpr auto time_to_speak = 5s;
constexpr auto pause_between_words = 500ms;

std::uint16_t random_id(crypto::Random& random) {
  const auto bytes = random.bytes(2);
  return get_be16(bytes, 0);
}

bool is_response_to(const Message& message, const Message& request) {
  return coap::is_response(message.code) && message.token == request.token;
}

}  // namespace

Conversation::Conversation(transport::Channel& channel, crypto::Random& random)
    : channel_(channel), random_(random), posted_describe_(limits::describe), message_id_(random_id(random)) {}

asio::awaitable<Result<void>> Conversation::send(const Message& message, bool more_follow) {
  const auto then = more_follow ? transport::Then::more : transport::Then::flush;
  co_return co_await channel_.send(message, then);
}

asio::awaitable<Result<Message>> Conversation::next(Clock::time_point deadline) {
  if (put_back_) {
    auto message = std::move(*put_back_);
    put_back_.reset();
    co_return message;
  }
  co_return co_await channel_.receive(deadline);
}

// The first message of all decides by itself what begins here.
asio::awaitable<Result<Message>> Conversation::first(Clock::time_point deadline) {
  for (;;) {
    auto message = co_await next(deadline);
    if (message || (message.error().kind != Kind::restarted && message.error().kind != Kind::interrupted)) co_return message;
    nudged_ |= message.error().kind == Kind::interrupted;
  }
}

// Waiting for something in particular. Who interrupts meanwhile is heard afterwards, by keep_company().
asio::awaitable<Result<Message>> Conversation::receive(Clock::time_point deadline) {
  for (;;) {
    auto message = co_await next(deadline);
    if (!message && message.error().kind == Kind::restarted) {
      auto why = co_await take_up_again();
      co_return tl::unexpected(std::move(why));
    }
    if (message || message.error().kind != Kind::interrupted) co_return message;
    nudged_ = true;
  }
}

// The device resumed its session: it says Hello, or it goes on as what it said it was before.
asio::awaitable<Error> Conversation::take_up_again() {
  auto remembered = hello_payload_;
  const auto resumed = co_await resume(std::move(remembered), Clock::now() + time_to_speak);
  if (!resumed) co_return resumed.error();
  co_return Error{Kind::restarted, "the device started anew"};
}

asio::awaitable<Result<Hello>> Conversation::hello(Clock::time_point deadline) {
  const auto message = co_await first(deadline);
  if (!message) co_return tl::unexpected(message.error());
  if (!is_hello(*message)) co_return failure(Kind::malformed, "the device's first message is not Hello");
  if (const auto greeted = co_await greet(*message); !greeted) co_return tl::unexpected(greeted.error());
  co_return facts_.hello;
}

asio::awaitable<Result<Hello>> Conversation::resume(Bytes hello_payload, Clock::time_point deadline) {
  const auto remembered = parse_hello(hello_payload);
  if (!remembered) co_return remembered;
  auto message = co_await first(deadline);
  if (!message) co_return tl::unexpected(message.error());
  if (is_hello(*message)) {
    if (const auto greeted = co_await greet(*message); !greeted) co_return tl::unexpected(greeted.error());
    co_return facts_.hello;
  }
  hello_payload_ = std::move(hello_payload);
  facts_ = Facts{};
  facts_.hello = *remembered;
  facts_.max_binary = remembered->max_binary;
  facts_.chunk_size = remembered->chunk_size;
  facts_.resumed = true;
  posts_describe_ = false;
  news_ = false;
  put_back_ = std::move(*message);
  co_return facts_.hello;
}

// Everything the device said before belongs to another run of it.
asio::awaitable<Result<void>> Conversation::greet(const Message& message) {
  const auto hello = parse_hello(message.payload);
  if (!hello) co_return tl::unexpected(hello.error());
  facts_ = Facts{};
  facts_.hello = *hello;
  facts_.max_binary = hello->max_binary;
  facts_.chunk_size = hello->chunk_size;
  hello_payload_ = message.payload;
  posted_describe_.reset();
  posts_describe_ = hello->says(hello_flag::posts_describe);
  news_ = false;
  if (const auto sent = co_await acknowledge(message); !sent) co_return sent;
  if (!channel_.reliable()) co_return Result<void>{};
  auto ours = server_hello();
  ours.id = next_message_id();
  co_return co_await channel_.send(ours);
}

asio::awaitable<Result<void>> Conversation::describe() {
  facts_.system.reset();
  if (posts_describe_) {
    const auto deadline = Clock::now() + time_to_post;
    while (!facts_.system) {
      const auto message = co_await receive(deadline);
      if (!message && message.error().kind == Kind::timed_out) break;
      if (!message) co_return tl::unexpected(message.error());
      if (const auto sent = co_await answer(*message); !sent) co_return sent;
    }
  }
  if (!facts_.system) {
    auto body = co_await fetch_describe(describe_flag::system);
    // Up to 1.5 some devices know the request only without a part.
    if (!body && body.error().kind == Kind::refused) body = co_await fetch_describe(std::nullopt);
    if (!body && body.error().kind == Kind::refused) co_return failure(Kind::undescribed, body.error().message);
    if (!body) co_return tl::unexpected(body.error());
    auto described = parse_describe(*body);
    if (!described) co_return failure(Kind::undescribed, described.error().message);
    learn(std::move(*described));
    if (!facts_.system) co_return failure(Kind::undescribed, "the device's Describe says nothing about its system");
  }
  co_return co_await hear_out();
}

void Conversation::forget_describe() {
  posts_describe_ = false;
  facts_.system.reset();
  facts_.application.reset();
  posted_describe_.reset();
}

// Right behind its Describe a device says whether it takes updates, that it is in safe mode, and how large a file may
// be (PROTOCOL §4.11). What it should get can be decided only with that.
asio::awaitable<Result<void>> Conversation::hear_out() {
  const bool will_say = facts_.hello.says(hello_flag::immediate_updates) && !facts_.resumed;
  const auto longest = Clock::now() + time_to_speak;
  for (;;) {
    const bool still_to_come = will_say && !facts_.updates_enabled;
    const auto quiet = std::min(Clock::now() + pause_between_words, longest);
    const auto until = still_to_come ? longest : quiet;
    const auto message = co_await receive(until);
    if (!message && message.error().kind == Kind::timed_out) break;
    if (!message) co_return tl::unexpected(message.error());
    if (const auto sent = co_await answer(*message); !sent) co_return sent;
    if (Clock::now() >= longest) break;
  }
  news_ = false;
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Conversation::describe_application() {
  if (facts_.application || posts_describe_) co_return Result<void>{};
  const auto body = co_await fetch_describe(describe_flag::application);
  const bool does_without = body || body.error().kind == Kind::refused || body.error().kind == Kind::undescribed || body.error().kind == Kind::timed_out;
  if (!does_without) co_return tl::unexpected(body.error());
  if (body)
    if (auto described = parse_describe(*body)) learn(std::move(*described));
  facts_.application = facts_.application.value_or(ApplicationDescribe{});
  co_return Result<void>{};
}

asio::awaitable<Result<Bytes>> Conversation::fetch_describe(std::optional<std::uint8_t> part) {
  coap::BlockAssembler body(limits::describe);
  std::optional<coap::Block> next;
  const auto deadline = Clock::now() + limits::describe_response;
  for (;;) {
    auto request = describe_request(part, next);
    request.id = next_message_id();
    request.token = next_token();
    if (const auto sent = co_await channel_.send(request); !sent) co_return tl::unexpected(sent.error());
    const auto response = co_await response_to(request, deadline);
    if (!response && response.error().kind == Kind::timed_out) co_return failure(Kind::timed_out, "the device did not answer the request for its Describe");
    if (!response) co_return tl::unexpected(response.error());
    if (!coap::is_success(response->code)) co_return failure(Kind::refused, "the device refuses to describe itself (" + coap::to_string(response->code) + ")");
    const auto block = coap::find_block(*response, coap::option::block2);
    if (!block) co_return response->payload;
    const bool expected = block->number == (next ? next->number : 0) && (!block->more || !response->payload.empty());
    if (!expected) co_return failure(Kind::undescribed, "the device answers with another block of its Describe than was asked for");
    auto whole = body.add(*block, response->payload);
    if (!whole) co_return failure(Kind::undescribed, whole.error().message);
    if (*whole) co_return std::move(**whole);
    const coap::Block following{block->number + 1, false, block->size_exponent};
    next = following;
  }
}

asio::awaitable<Result<Message>> Conversation::response_to(const Message& request, Clock::time_point deadline) {
  for (;;) {
    auto message = co_await receive(deadline);
    if (!message) co_return message;
    if (is_response_to(*message, request)) {
      if (const auto sent = co_await acknowledge(*message); !sent) co_return tl::unexpected(sent.error());
      co_return message;
    }
    if (const auto sent = co_await answer(*message); !sent) co_return tl::unexpected(sent.error());
  }
}

asio::awaitable<Result<Reason>> Conversation::keep_company(Clock::time_point until) {
  auto silent_since = Clock::now();
  while (!std::exchange(news_, false)) {
    if (std::exchange(nudged_, false)) co_return Reason::nudged;
    const auto gone = silent_since + longest_silence();
    const auto message = co_await next(std::min(until, gone));
    if (!message && message.error().kind == Kind::restarted) {
      auto why = co_await take_up_again();
      co_return tl::unexpected(std::move(why));
    }
    if (!message && message.error().kind == Kind::interrupted) co_return Reason::nudged;
    if (!message && message.error().kind == Kind::timed_out) {
      if (Clock::now() < gone) co_return Reason::time_is_up;
      co_return failure(Kind::timed_out, "the device fell silent");
    }
    if (!message) co_return tl::unexpected(message.error());
    silent_since = Clock::now();
    if (const auto sent = co_await answer(*message); !sent) co_return tl::unexpected(sent.error());
  }
  co_return Reason::news;
}

asio::awaitable<Result<void>> Conversation::force_updates() {
  // It answers only when the value changes, and in a resumed session nobody knows what it is.
  for (const auto* value : {"false", "true"}) {
    if (!facts_.resumed && value == std::string_view("false")) continue;
    auto event = event_message("particle/device/updates/forced", value);
    event.id = next_message_id();
    if (!channel_.reliable()) event.type = Type::confirmable;
    if (const auto sent = co_await channel_.send(event); !sent) co_return sent;
  }
  co_return Result<void>{};
}

asio::awaitable<Result<bool>> Conversation::wait_for_reset(Clock::time_point until) {
  for (;;) {
    const auto message = co_await receive(until);
    if (!message && message.error().kind == Kind::timed_out) co_return false;
    if (!message && message.error().kind == Kind::closed) co_return true;
    if (!message) co_return tl::unexpected(message.error());
    const auto sent = co_await answer(*message);
    if (!sent && sent.error().kind == Kind::restarted) co_return tl::unexpected(sent.error());
    if (!sent) co_return true;
  }
}

asio::awaitable<Result<Message>> Conversation::next_about_update(Clock::time_point deadline) {
  for (;;) {
    auto message = co_await receive(deadline);
    if (!message) co_return message;
    const bool request = coap::is_request(message->code);
    const bool answers_something = message->code != Code::empty || message->type == Type::acknowledgement || message->type == Type::reset;
    if (!request && answers_something) {
      if (const auto sent = co_await acknowledge(*message); !sent) co_return tl::unexpected(sent.error());
      co_return message;
    }
    if (request && subject_of(*message) == Subject::update) {
      if (const auto sent = co_await acknowledge(*message); !sent) co_return tl::unexpected(sent.error());
      co_return message;
    }
    if (const auto sent = co_await answer(*message); !sent) co_return tl::unexpected(sent.error());
  }
}

asio::awaitable<Result<void>> Conversation::acknowledge(const Message& message) {
  if (message.type != Type::confirmable) co_return Result<void>{};
  const auto acknowledgement = coap::empty_acknowledgement(message.id);
  co_return co_await channel_.send(acknowledgement);
}

// TCP devices ping after 15 s. Over UDP the pause is a minute at most on Wi-Fi, and 23 minutes on a cellular network,
// where each datagram costs (PROTOCOL §3.8); and a ping may have to be said four times.
Clock::duration Conversation::longest_silence() const {
  if (channel_.reliable()) return limits::idle;
  const auto* platform = firmware::find_platform(facts_.hello.platform);
  return platform != nullptr && !platform->cellular ? Clock::duration(limits::idle_wifi) : Clock::duration(limits::idle_cellular);
}

}  // namespace drydock::device
