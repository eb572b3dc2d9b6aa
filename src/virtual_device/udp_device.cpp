#include "virtual_device/udp_device.hpp"

#include "base/asio_tokens.hpp"
#include "virtual_device/udp_update.hpp"

#include <algorithm>

namespace drydock::virtual_device {

using namespace std::chrono_literals;
using coap::Code;
using coap::Message;
using coap::Type;

UdpProfile UdpProfile::v2_3() {
  UdpProfile h;
  h.mark = MoveMark::device_id;
  h.ota_v3 = h.protobuf_describe = false;
  h.max_message = 960;
  return h;
}
UdpProfile UdpProfile::v3_3() {
  UdpProfile h;
  h.mark = MoveMark::none;
  h.protobuf_describe = false;
  return h;
}
UdpProfile UdpProfile::v6_2() {
  return {};
}

UdpDevice::UdpDevice(asio::any_io_executor executor, UdpOptions options, DeviceEcKey key, Flash flash, Send send)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      key_(std::move(key)),
      flash_(std::move(flash)),
      send_(std::move(send)),
      random_(options_.seed),
      dtls_(DeviceDtls::Identity{options_.id, &key_, options_.server_key, options_.profile.mark}) {}

UdpDevice::~UdpDevice() = default;

void UdpDevice::stop() {
  stopped_ = true;
  wake();
}

void UdpDevice::wake() {
  if (timer_) timer_->cancel();
}

void UdpDevice::on_datagram(ByteView datagram) {
  inbox_.emplace_back(datagram.begin(), datagram.end());
  wake();
}

asio::awaitable<void> UdpDevice::rest_until(Clock::time_point until) {
  timer_ = std::make_shared<Timer>(executor_);
  const auto timer = timer_;
  timer->expires_at(until);
  (void)co_await timer->async_wait(as_result);
}

asio::awaitable<void> UdpDevice::run() {
  int uses = 0;
  while (!stopped_) {
    // A session may be tried three times without hearing anything (PROTOCOL §3.6).
    const bool resumes = dtls_.connected() && uses < 3;
    if (resumes) {
      ++uses;
      ++resumptions;
      dtls_.resume();
    } else {
      said_hello_.clear();
      uses = 0;
      if (!co_await handshake()) {
        const auto again = Clock::now() + 5s;
        while (Clock::now() < again && !stopped_) co_await rest_until(again);
        continue;
      }
      ++handshakes;
    }
    const auto heard_before = last_heard_ = Clock::now();
    const auto after = co_await online();
    connected = false;
    if (last_heard_ != heard_before) uses = 0;
    update_.reset();
    awaited_.reset();
    reliability_ = coap::Reliability();
    if (after == After::reconnect) {
      dtls_.forget();
      continue;
    }
    ++resets;
    if (!to_apply_.empty() && !faults.forgets_updates) {
      flash_.put(to_apply_);
      if (const auto asset = read_asset(to_apply_)) applied.push_back("asset " + asset->name);
      for (const auto& one : unpack_image(to_apply_)) {
        const auto module = read_image(one);
        if (!module) continue;
        const char letters[] = "nrbmsu_ca";
        applied.push_back(std::string(1, letters[module->function % 9]) + std::to_string(module->index) + "@" +
            std::to_string(module->version));
      }
    }
    to_apply_.clear();
    if (faults.forgets_session) dtls_.forget();
    const auto up = Clock::now() + options_.reset_time;
    while (Clock::now() < up && !stopped_) co_await rest_until(up);
    inbox_.clear();
  }
}

asio::awaitable<bool> UdpDevice::handshake() {
  inbox_.clear();
  for (const auto& datagram : dtls_.begin()) send_(datagram);
  Clock::duration patience = 3s;
  auto again_at = Clock::now() + patience;
  for (int tries = 0; tries < 5 && !stopped_;) {
    if (inbox_.empty()) co_await rest_until(again_at);
    if (inbox_.empty() && Clock::now() >= again_at) {
      for (const auto& datagram : dtls_.again()) send_(datagram);
      patience = std::min<Clock::duration>(patience * 2, 24s);
      again_at = Clock::now() + patience;
      ++tries;
    }
    while (!inbox_.empty()) {
      const auto datagram = std::move(inbox_.front());
      inbox_.pop_front();
      const auto progress = dtls_.on_datagram(datagram);
      for (const auto& out : progress.to_send) send_(out);
      if (progress.ended) co_return false;
      if (dtls_.connected()) co_return true;
    }
  }
  co_return false;
}

asio::awaitable<UdpDevice::After> UdpDevice::online() {
  reset_wanted_ = leave_wanted_ = pinged_ = false;
  greet();
  while (!stopped_ && !reset_wanted_ && !leave_wanted_) {
    if (inbox_.empty()) co_await rest_until(next_moment());
    while (!inbox_.empty() && !reset_wanted_ && !leave_wanted_) {
      const auto datagram = std::move(inbox_.front());
      inbox_.pop_front();
      const auto progress = dtls_.on_datagram(datagram);
      for (const auto& out : progress.to_send) send_(out);
      for (const auto& bytes : progress.messages)
        if (const auto message = coap::decode(bytes)) handle(*message);
      if (progress.ended) co_return After::reconnect;
    }
    on_time();
  }
  co_return leave_wanted_ ? After::reconnect : After::reset;
}

Bytes UdpDevice::hello_payload() const {
  Bytes p;
  put_be16(p, options_.platform);
  put_be16(p, 0xffff);
  put_be16(p, options_.profile.ota_v3 ? 0x00f6 : 0x0076);
  put_be16(p, options_.platform);
  put_be16(p, 12);
  append(p, options_.id);
  put_be16(p, flash_.version(4, 1).value_or(0));
  put_be16(p, options_.profile.max_message);
  put_be32(p, 1'536'000);
  put_be16(p, 512);
  return p;
}

// Everything at once, as far as a device does not wait for answers; a resumed session begins with a ping when nothing
// changed.
void UdpDevice::greet() {
  const auto hello = hello_payload();
  const auto describe = options_.profile.protobuf_describe ? flash_.describe_protobuf() : Bytes();
  const auto json = flash_.describe_json(false);
  const Bytes described = options_.profile.protobuf_describe ? describe : Bytes(json.begin(), json.end());
  if (hello == said_hello_ && described == said_describe_) {
    send(Message{});
  } else {
    auto message = coap::request(Type::confirmable, Code::post, "h");
    message.payload = hello;
    send(message);
    auto post = coap::request(Type::confirmable, Code::post, "d");
    post.token = coap::Token(++token_);
    if (options_.profile.protobuf_describe) post.add_uint(coap::option::content_format, 42);
    post.add(coap::option::uri_query, Bytes{1});
    post.payload = described;
    send(post);
    auto time = coap::request(Type::confirmable, Code::get, "t");
    time.token = coap::Token(++token_);
    send(time);
  }
  if (flash_.safe_mode()) event("spark/device/safemode", "");
  event("particle/device/updates/enabled", options_.updates_enabled ? "true" : "false");
  event("particle/device/updates/forced", "false");
  if (hello != said_hello_) {
    auto post = coap::request(Type::confirmable, Code::post, "d");
    post.token = coap::Token(++token_);
    post.add(coap::option::uri_query, Bytes{2});
    const auto text = Application::describe();
    post.payload.assign(text.begin(), text.end());
    send(post);
    auto subscription = coap::request(Type::confirmable, Code::get, "e");
    subscription.add(coap::option::uri_path, view_of(std::string_view(Application::orders)));
    send(subscription);
  }
  said_hello_ = hello;
  said_describe_ = described;
}

void UdpDevice::event(const char* name, const char* data) {
  auto message = coap::request(Type::confirmable, Code::post, "E");
  message.add(coap::option::uri_path, view_of(name));
  message.payload.assign(data, data + std::char_traits<char>::length(data));
  send(message);
}

void UdpDevice::send(Message message) {
  if (message.type == Type::confirmable || message.type == Type::non_confirmable) message.id = ++message_id_;
  const auto encoded = coap::encode(message);
  reliability_.sent(message, encoded, Clock::now(), std::uniform_real_distribution<double>(0, 1)(random_));
  send_(dtls_.seal(encoded));
}

void UdpDevice::handle(const Message& message) {
  last_heard_ = Clock::now();
  pinged_ = false;
  connected = true;
  const auto incoming = reliability_.received(message, Clock::now());
  if (!incoming.answer_again.empty()) send_(dtls_.seal(incoming.answer_again));
  if (!incoming.handle) return;
  if (message.type == Type::reset) {
    leave_wanted_ = true;  // it throws its session away (PROTOCOL §3.7)
    return;
  }
  if (message.type == Type::acknowledgement) {
    if (awaited_ && message.id == *awaited_) {
      awaited_.reset();
      if (to_apply_.empty())
        leave_wanted_ = true;  // on purpose: the update failed
      else
        reset_wanted_ = true;
    }
    if (message.code == Code::content && message.payload.size() == 4) time_received = get_be32(message.payload, 0);
    return;
  }
  if (message.code == Code::empty) return send(coap::empty_acknowledgement(message.id));
  if (coap::is_request(message.code)) handle_request(message);
}

void UdpDevice::handle_request(const Message& request) {
  const auto path = request.path();
  const bool v3 = options_.profile.ota_v3;
  if (path == "d" && request.code == Code::get) {
    const auto* part = request.find(coap::option::uri_query);
    if (part == nullptr || part->value.size() != 1) return send(coap::piggybacked(request, Code::bad_request));
    send(coap::empty_acknowledgement(request.id));
    if (part->value[0] == 2 && std::exchange(faults.resets_when_asked, false)) {
      reset_wanted_ = true;
      return;
    }
    Message answer;
    answer.type = Type::confirmable;
    answer.code = Code::content;
    answer.token = request.token;
    const auto json = part->value[0] == 1 ? flash_.describe_json(false) : Application::describe();
    if (part->value[0] == 1 && options_.profile.protobuf_describe) {
      answer.add_uint(coap::option::content_format, 42);
      answer.payload = flash_.describe_protobuf();
    } else {
      answer.payload.assign(json.begin(), json.end());
    }
    return send(answer);
  }
  if (v3 && path == "S") return start_update(request);
  if (v3 && path == "C") return take_chunk(request);
  if (v3 && path == "F") return finish_update(request);
  if (!v3 && path == "u" && request.code == Code::post) return begin_chunked(request);
  if (!v3 && path == "c") return take_legacy_chunk(request);
  if (!v3 && path == "u" && request.code == Code::put) return end_chunked(request);
  if ((path.starts_with("f/") || path.starts_with("v/") || path == "s") && !flash_.safe_mode())
    return answer_application(request);
  if (request.type == Type::confirmable) send(coap::empty_acknowledgement(request.id));
  if (request.code == Code::post && path.starts_with("e/order")) {
    application.last_order = text_of(request.payload);
    event(("served/" + path.substr(2)).c_str(), application.last_order.c_str());
  }
}

// First that it heard, then what its application says, if it ever does.
void UdpDevice::answer_application(const Message& request) {
  auto response = application_response(application, request);
  if (request.code == Code::put) return send(*response);
  send(coap::empty_acknowledgement(request.id));
  if (!response) return;
  response->type = Type::confirmable;
  send(*response);
}

Clock::time_point UdpDevice::next_moment() const {
  auto next = std::min(reliability_.next(), last_heard_ + options_.ping_every);
  if (pinged_) next = std::min(reliability_.next(), last_heard_ + options_.ping_every + 30s);
  if (update_) {
    next = std::min(reliability_.next(), update_->last_chunk + 300s);
    if (update_->unacknowledged > 0) next = std::min(next, update_->last_chunk + 200ms);
  }
  return next;
}

void UdpDevice::on_time() {
  const auto now = Clock::now();
  const auto due = reliability_.due(now);
  for (const auto& message : due.send_again) send_(dtls_.seal(message));
  if (due.given_up) leave_wanted_ = true;
  if (update_) {
    if (update_->unacknowledged > 0 && now >= update_->last_chunk + 200ms) acknowledge_chunks();
    if (now >= update_->last_chunk + 300s) update_.reset();
    return;  // no pings during an update
  }
  if (!pinged_ && now >= last_heard_ + options_.ping_every) {
    pinged_ = true;
    send(Message{});
  }
  if (pinged_ && now >= last_heard_ + options_.ping_every + 30s) leave_wanted_ = true;
}

}  // namespace drydock::virtual_device
