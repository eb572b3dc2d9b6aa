#include "virtual_device/virtual_device.hpp"

#include "base/asio_tokens.hpp"
#include "base/deadline_timer.hpp"
#include "virtual_device/update.hpp"

#include <algorithm>
#include <asio/this_coro.hpp>

namespace drydock::virtual_device {

using namespace std::chrono_literals;
using coap::Code;
using coap::Message;
using coap::Type;

Release Release::v0_5() {
  auto r = v0_6();
  r.describe_parts_of_0_5 = true;
  return r;
}
Release Release::v0_6() {
  Release r;
  r.hello_flags = 0;
  r.posts_describe = r.says_updates_enabled = false;
  r.piggybacked_describe = r.first_need_only = r.bare_verdict = r.asks_by_itself = true;
  return r;
}
Release Release::v2_3() {
  return {};
}
Release Release::v3_3() {
  Release r;
  r.extended_hello = r.describe_needs_query = true;
  r.describe_block = 512;
  return r;
}
Release Release::v6_2() {
  auto r = v3_3();
  r.protobuf_describe = true;
  r.describe_block = 0;
  return r;
}

VirtualDevice::VirtualDevice(Options options, DeviceKey key, Flash flash)
    : options_(std::move(options)), key_(std::move(key)), flash_(std::move(flash)) {}

VirtualDevice::~VirtualDevice() = default;

void VirtualDevice::stop() {
  stopped_ = true;
  if (current_) current_->close();
  if (sleeping_) sleeping_->cancel();
}

asio::awaitable<void> VirtualDevice::sleep(Clock::duration time) {
  if (time <= Clock::duration::zero() || stopped_) co_return;
  const auto executor = co_await asio::this_coro::executor;
  sleeping_ = std::make_shared<Timer>(executor, time);
  const auto timer = sleeping_;
  (void)co_await timer->async_wait(as_result);
}

asio::awaitable<void> VirtualDevice::run(Connect connect) {
  while (!stopped_) {
    auto stream = co_await connect();
    auto after = After::reconnect;
    if (stream && !stopped_) {
      current_ = stream;
      ++connections;
      after = co_await serve(*stream);
      connected = false;
      stream->close();
      current_.reset();
    }
    if (after == After::reset) {
      ++resets;
      co_await sleep(options_.reset_time);
    }
    co_await sleep(options_.reconnect_time);
  }
}

asio::awaitable<VirtualDevice::After> VirtualDevice::serve(transport::ByteStream& stream) {
  stream_ = &stream;
  update_.reset();
  messages_received_ = 0;
  reset_wanted_ = false;
  if (release_of) options_.release = release_of(flash_);
  if (!co_await handshake(stream)) co_return After::reconnect;
  if (!co_await greet()) co_return After::reconnect;
  connected = true;

  bool pinged = false;
  while (!reset_wanted_) {
    // A ping after 15 s of silence, and no patience beyond 10 s more; none of that during an update (PROTOCOL §2.5).
    const bool ticks = !update_ && options_.publish_every > Clock::duration::zero();
    const auto patience = ticks ? options_.publish_every
        : update_               ? Clock::duration(30s)
        : pinged                ? Clock::duration(10s)
                                : Clock::duration(15s);
    const auto message = co_await receive(Clock::now() + patience);
    if (!message && last_failure != "silence") co_return After::reconnect;
    if (!message && ticks) {
      if (!co_await send_event("tick", "21.5")) co_return After::reconnect;
      continue;
    }
    if (!message && update_) {
      last_failure = "update_timeout";
      co_return After::reset;
    }
    if (!message && pinged) co_return After::reconnect;
    if (!message && before_ && faults.reverts > 0) {
      --faults.reverts;
      flash_ = *std::exchange(before_, std::nullopt);
      last_failure = "reverts on request";
      co_return After::reset;
    }
    if (!message) {
      Message ping;
      if (!co_await send(ping)) co_return After::reconnect;
      pinged = true;
      continue;
    }
    pinged = false;
    ++messages_received_;
    if (faults.reset_at && messages_received_ >= *faults.reset_at && faults.resets > 0) {
      --faults.resets;
      last_failure = "reset on request";
      co_return After::reset;
    }
    if (faults.silent_at && messages_received_ >= *faults.silent_at) {
      faults.silent_at.reset();
      last_failure = "silent on request";
      co_await sleep(400s);
      co_return After::reconnect;
    }
    if (!co_await handle(*message)) co_return After::reconnect;
  }
  co_return After::reset;
}

asio::awaitable<bool> VirtualDevice::handshake(transport::ByteStream& stream) {
  if (options_.plain) co_return true;
  const auto deadline = Clock::now() + 20s;
  Bytes blob(40);
  if (!co_await read_exactly(blob, deadline)) co_return false;
  append(blob, options_.id);
  const auto public_key = key_.public_key_spki();
  append(blob, public_key);
  const auto cipher = encrypt_for_server(options_.server_key, blob);
  if (co_await stream.write_all(cipher)) co_return false;

  Bytes reply(384);
  if (!co_await read_exactly(reply, deadline)) co_return false;
  const auto ciphertext = ByteView(reply).first(128);
  const auto credentials = key_.decrypt(ciphertext);
  if (!credentials || credentials->size() != 40 ||
      !server_signed(options_.server_key, ByteView(reply).subspan(128), *credentials, ciphertext)) {
    last_failure = "handshake: the reply is not this device's server's";
    co_return false;
  }
  const ByteView all(*credentials);
  outgoing_ = std::make_unique<DeviceCipher>(all.first(16), all.subspan(16, 16));
  incoming_ = std::make_unique<DeviceCipher>(all.first(16), all.subspan(16, 16));
  message_id_ = get_le16(all, 32);
  co_return true;
}

// Hello, then what a device says unasked (REAL-DEVICES, "TCP, observed").
asio::awaitable<bool> VirtualDevice::greet() {
  auto hello = coap::request(Type::non_confirmable, Code::post, "h");
  put_be16(hello.payload, options_.platform);
  put_be16(hello.payload, 0xffff);
  // Only a Core says so, in the first Hello behind an update.
  const bool says_applied = options_.platform == 0 && std::exchange(applied_since_hello_, false);
  put_be16(hello.payload, static_cast<std::uint16_t>(options_.release.hello_flags | (says_applied ? 0x01 : 0)));
  put_be16(hello.payload, options_.platform);
  if (options_.release.extended_hello) {
    put_be16(hello.payload, 0);
    put_be16(hello.payload, flash_.version(4, 2).value_or(0));
    put_be16(hello.payload, 960);
    put_be32(hello.payload, 262144);
    put_be16(hello.payload, 512);
  }
  if (!co_await send(hello)) co_return false;
  const auto deadline = Clock::now() + 4s;
  for (bool greeted = false; !greeted;) {
    const auto message = co_await receive(deadline);
    if (!message) co_return false;
    greeted = message->code == Code::post && message->path() == "h";
    if (!greeted && !co_await handle(*message)) co_return false;
  }
  if (options_.release.posts_describe && !co_await post_describe(1)) co_return false;
  auto time = coap::request(Type::confirmable, Code::get, "t");
  time.token = coap::Token(++token_);
  if (!co_await send(time)) co_return false;
  if (!options_.release.extended_hello) {
    if (!co_await send_event("spark/hardware/max_binary", "262144")) co_return false;
    if (!co_await send_event("spark/hardware/ota_chunk_size", "512")) co_return false;
  }
  if (!claim_code.empty() && !co_await send_event("spark/device/claim/code", claim_code)) co_return false;
  if (flash_.safe_mode() && !co_await send_event("spark/device/safemode", "")) co_return false;
  if (options_.release.says_updates_enabled) {
    if (!co_await send_event("particle/device/updates/enabled", faults.updates_disabled ? "false" : "true"))
      co_return false;
    if (!co_await send_event("particle/device/updates/forced", "false")) co_return false;
  }
  if (options_.release.posts_describe && !co_await post_describe(2)) co_return false;
  for (int i = 0; i < faults.describe_flood; ++i)
    if (!co_await post_describe(1)) co_return false;
  for (const auto* filter : {"particle", "spark", Application::orders}) {
    if (flash_.safe_mode() && filter == Application::orders) continue;
    auto subscription = coap::request(Type::confirmable, Code::get, "e");
    subscription.add(coap::option::uri_path, view_of(filter));
    if (!co_await send(subscription)) co_return false;
  }
  co_return true;
}

Bytes VirtualDevice::describe_body(std::uint8_t part) {
  std::string text;
  if (part == 1) {
    if (faults.describes) return faults.describes(++described_);
    if (!faults.describe_instead.empty()) return faults.describe_instead;
    const Flash& flash = faults.lies-- > 0 ? *faults.pretended : flash_;
    if (options_.release.protobuf_describe) return flash.describe_protobuf();
    text = flash.describe_json(options_.release.first_need_only);
  } else {
    text = flash_.safe_mode() ? R"({"f":[],"v":{}})" : Application::describe();
  }
  return Bytes(text.begin(), text.end());
}

asio::awaitable<bool> VirtualDevice::post_describe(std::uint8_t part) {
  const auto body = part == 4 ? metrics : describe_body(part);
  const auto block = options_.release.describe_block;
  std::uint32_t number = 0;
  for (std::size_t at = 0; at == 0 || at < body.size(); ++number) {
    const auto size = block ? std::min(block, body.size() - at) : std::min<std::size_t>(body.size(), 60000);
    auto message = coap::request(Type::confirmable, Code::post, "d");
    if (options_.release.describe_needs_query) message.token = coap::Token(++token_);
    message.add(coap::option::uri_query, {&part, 1});
    const bool more = at + size < body.size();
    if (block && (more || number > 0)) message.add_uint(coap::option::block1, number << 4 | (more ? 8U : 0U) | 5U);
    message.payload.assign(
        body.begin() + static_cast<std::ptrdiff_t>(at), body.begin() + static_cast<std::ptrdiff_t>(at + size));
    if (!co_await send(message)) co_return false;
    at += size;
    // The next block is sent only after the last one is acknowledged.
    const auto sent_id = message_id_;
    for (bool acknowledged = !more; !acknowledged;) {
      const auto reply = co_await receive(Clock::now() + 20s);
      if (!reply) co_return false;
      acknowledged = reply->type == Type::acknowledgement && reply->id == sent_id;
      if (!acknowledged && !co_await handle(*reply)) co_return false;
    }
    if (size == 0) break;
  }
  co_return true;
}

asio::awaitable<bool> VirtualDevice::handle(const Message& message) {
  if (message.type == Type::acknowledgement) {
    if (message.code == Code::content && message.payload.size() == 4) time_received = get_be32(message.payload, 0);
    co_return true;
  }
  const auto path = message.path();
  if (message.code == Code::empty && message.type == Type::confirmable) {
    const auto pong = coap::empty_acknowledgement(message.id);
    co_return co_await send(pong);
  }
  if (message.code == Code::get && path == "d") co_return co_await answer_describe(message);
  if (message.code == Code::post && path == "u") co_return co_await begin_update(message);
  if (message.code == Code::post && path == "c") co_return co_await take_chunk(message);
  if (message.code == Code::put && path == "u" && faults.closes_at_done > 0) {
    --faults.closes_at_done;
    last_failure = "closed on request";
    co_return false;
  }
  if (message.code == Code::put && path == "u") co_return co_await end_update(message);
  const bool asked = path.starts_with("f/") || path.starts_with("v/") || path == "s";
  if (asked && coap::is_request(message.code)) co_return co_await answer_application(message);
  if (message.code == Code::post && path.starts_with("e/order")) {
    application.last_order = text_of(message.payload);
    co_return co_await send_event("served/" + path.substr(2), application.last_order);
  }
  if (message.code == Code::post && path.starts_with("e/spark/device/claim/")) claim_code.clear();
  if (message.code == Code::post && path == "e/particle/device/updates/pending")
    pending = message.payload == Bytes{'t', 'r', 'u', 'e'};
  if (message.code == Code::post && path == "e/particle/device/updates/forced") {
    forced = message.payload == Bytes{'t', 'r', 'u', 'e'};
    co_return co_await send_event("particle/device/updates/forced", forced ? "true" : "false");
  }
  co_return true;
}

// First that it heard, then what its application says, if it ever does: not confirmable, as over TCP.
asio::awaitable<bool> VirtualDevice::answer_application(const Message& request) {
  auto response = application_response(application, request);
  if (request.code == Code::put) {
    // Over TCP Device OS gives this acknowledgement an id of its own.
    response->id = ++message_id_;
    co_return co_await send(*response);
  }
  const auto acknowledgement = coap::empty_acknowledgement(request.id);
  if (!co_await send(acknowledgement)) co_return false;
  if (!response) co_return true;
  response->type = Type::non_confirmable;
  co_return co_await send(*response);
}

asio::awaitable<bool> VirtualDevice::answer_describe(const Message& request) {
  const auto* query = request.find(coap::option::uri_query);
  if (query == nullptr && options_.release.describe_needs_query) {
    const auto refusal = coap::piggybacked(request, Code::bad_request);
    co_return co_await send(refusal);
  }
  const std::uint8_t part = query && !query->value.empty() ? query->value[0] : 1;
  auto response = coap::piggybacked(request, Code::content);
  const bool of_application = options_.release.describe_parts_of_0_5 ? query && (part & 2) == 0 : part == 2;
  ++described_parts;
  if (part == 4) {
    response.payload = metrics;
    co_return co_await send(response);
  }
  response.payload = describe_body(of_application ? 2 : 1);
  if (options_.release.piggybacked_describe) co_return co_await send(response);
  const auto acknowledgement = coap::empty_acknowledgement(request.id);
  if (!co_await send(acknowledgement)) co_return false;
  response.type = Type::confirmable;
  co_return co_await send(response);
}

// Acknowledgements keep the id of what they acknowledge; everything else takes the next of this device's ids.
asio::awaitable<bool> VirtualDevice::send(Message message) {
  if (message.type != Type::acknowledgement) message.id = ++message_id_;
  auto bytes = coap::encode(message);
  // Up to 2.x an event without data ends in a bare payload marker.
  if (message.code == Code::post && message.payload.empty() && !options_.release.extended_hello) bytes.push_back(0xff);
  Bytes frame;
  if (options_.plain) {
    put_be16(frame, static_cast<std::uint16_t>(bytes.size()));
    append(frame, bytes);
  } else {
    frame = outgoing_->seal(bytes);
  }
  if (co_await stream_->write_all(frame)) {
    last_failure = "closed";
    co_return false;
  }
  co_return true;
}

asio::awaitable<bool> VirtualDevice::send_event(std::string name, std::string data) {
  auto event = coap::request(Type::non_confirmable, Code::post, "E");
  event.add(coap::option::uri_path, view_of(name));
  event.payload.assign(data.begin(), data.end());
  co_return co_await send(event);
}

asio::awaitable<std::optional<Message>> VirtualDevice::receive(Clock::time_point deadline) {
  Bytes length(2);
  if (!co_await read_exactly(length, deadline)) co_return std::nullopt;
  Bytes cipher(get_be16(length, 0));
  if (!co_await read_exactly(cipher, Clock::now() + 20s)) co_return std::nullopt;
  const auto plain = options_.plain ? std::optional<Bytes>(cipher) : incoming_->open(cipher);
  if (!plain) {
    last_failure = "a frame did not decrypt";
    co_return std::nullopt;
  }
  auto message = coap::decode(*plain);
  if (!message) {
    last_failure = message.error().message;
    co_return std::nullopt;
  }
  co_return std::move(*message);
}

asio::awaitable<bool> VirtualDevice::read_exactly(std::span<std::uint8_t> into, Clock::time_point deadline) {
  const auto executor = co_await asio::this_coro::executor;
  bool late = false;
  DeadlineTimer watchdog(executor, [this, &late] {
    late = true;
    stream_->cancel();
  });
  watchdog.set(deadline);
  for (std::size_t have = 0; have < into.size();) {
    const auto read = co_await stream_->read_some(into.subspan(have));
    if (read.error) {
      last_failure = late && have == 0 ? "silence" : "closed";
      co_return false;
    }
    have += read.size;
  }
  co_return true;
}

}  // namespace drydock::virtual_device
