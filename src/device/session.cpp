#include "device/session.hpp"

#include "base/limits.hpp"
#include "transfer/chunked.hpp"
#include "transfer/ota_v3.hpp"
#include "transport/handshake_metrics.hpp"
#include "transport/lightssl/channel.hpp"

#include <asio/this_coro.hpp>

namespace drydock::device {
namespace {

using namespace std::chrono_literals;
namespace lightssl = transport::lightssl;

// A device that took an image resets within a few seconds; a bootloader may need a little longer.
constexpr auto reset_timeout = 90s;
constexpr auto rejection_timeout = 5s;
// Its fourth and last try comes after 28 s and a little more.
constexpr auto udp_hello_timeout = 60s;

Error disconnected(bool with_new_firmware) {
  return {ErrorKind::closed, with_new_firmware ? "the device resets into its new firmware" : "the device disconnected"};
}

asio::awaitable<Result<transfer::Delivery>> send_module(const ReportedState& reported, transfer::UpdateChannel& device,
    UpdateController& controller, const Decision::Send& what, bool offer_fast) {
  const transfer::Progress progress = [&controller](std::size_t bytes) { controller.progress(bytes); };
  if (reported.hello.has_flag(hello_flag::ota_v3)) {
    transfer::OtaV3Options options;
    options.chunk_size = reported.ota_v3_chunk_size();
    if (reported.accepts_module_function())
      options.module_function = static_cast<std::uint8_t>(what.step.module.key.function);
    co_return co_await transfer::send_ota_v3(device, *what.image, options, progress);
  }
  transfer::ChunkedOptions options;
  options.offer_fast = offer_fast;
  options.chunk_size = reported.usable_chunk_size();
  options.waits_for_answers = reported.sends_synchronously();
  co_return co_await transfer::send_chunked(device, *what.image, options, progress);
}

// Decides, and sends what was chosen: then the device is to be asked anew what it has, unless it resets, which ends the
// session. Nothing to send: when to decide again. All of it is gone while the device keeps company for months.
asio::awaitable<Result<std::optional<Clock::time_point>>> take_step(
    DeviceProtocol& device, UpdateController& controller, bool offer_fast) {
  const auto decision = co_await controller.decide(device.reported());
  if (!decision) co_return tl::unexpected(decision.error());
  if (!decision->send) {
    if (decision->force_updates)
      if (const auto told = co_await device.force_updates(); !told) co_return tl::unexpected(told.error());
    if (const auto asked = co_await device.describe_application(); !asked) co_return tl::unexpected(asked.error());
    co_return decision->decide_again_at;
  }

  device.refuse_calls({ErrorKind::conflict, "the device is being updated"});
  std::optional<transfer::RateLimitedChannel> limited;
  if (decision->send->rate) limited.emplace(device, *decision->send->rate);
  transfer::UpdateChannel& channel = limited ? static_cast<transfer::UpdateChannel&>(*limited) : device;
  const auto delivery = co_await send_module(device.reported(), channel, controller, *decision->send, offer_fast);
  co_await controller.transfer_finished(delivery);
  // After a refusal the device is as it was; after anything else that failed nobody knows what it waits for.
  if (!delivery && delivery.error().kind != ErrorKind::refused) co_return tl::unexpected(delivery.error());

  const Clock::duration patience = delivery ? Clock::duration(reset_timeout) : Clock::duration(rejection_timeout);
  const auto reset = co_await device.wait_for_reset(Clock::now() + patience);
  if (!reset) co_return tl::unexpected(reset.error());
  if (*reset) co_return tl::unexpected(disconnected(delivery.has_value()));
  co_return std::nullopt;
}

// The describe, plan and send loop of a connected device. It ends with the connection, or over UDP with a new Hello: by
// a reset, as a rule, for that is how a device installs a module.
asio::awaitable<Error> run_updates(DeviceProtocol& device, UpdateController& controller, bool offer_fast) {
  for (;;) {
    Result<WakeReason> woken;
    while (controller.awaits_approval(device.reported())) {
      device.forget_describe();
      woken = co_await device.answer_until(Clock::time_point::max());
      if (!woken) co_return woken.error();
    }

    const auto described = co_await device.describe();
    if (!described && described.error().kind == ErrorKind::unusable_describe) {
      // It would only come again at once if it were sent away.
      controller.describe_failed(described.error());
      woken = co_await device.answer_until(Clock::time_point::max());
      if (!woken) co_return woken.error();
      continue;
    }
    if (!described) co_return described.error();

    for (;;) {
      const auto decide_again_at = co_await take_step(device, controller, offer_fast);
      if (!decide_again_at) co_return decide_again_at.error();
      if (!*decide_again_at) break;
      woken = co_await device.answer_until(**decide_again_at);
      if (!woken) co_return woken.error();
    }
  }
}

struct HandshakeResult {
  transport::DeviceIdentity identity;
  lightssl::Credentials credentials;
};

// The two private-key operations of a handshake. What a device waits in the queue does not count against its time, and
// no number of unknown devices keeps a known device waiting.
asio::awaitable<Result<HandshakeResult>> handshake_within_limit(
    transport::ByteStream& stream, const lightssl::EncryptedHandshake& encrypted, SessionHost& host) {
  const auto priority =
      host.is_known_address(stream.peer()) ? AsyncSemaphore::Priority::high : AsyncSemaphore::Priority::low;
  const auto permit = co_await host.handshakes().acquire(priority);
  const auto identity = co_await lightssl::decrypt_handshake(encrypted, host.server_key(), host.workers());
  if (!identity) co_return tl::unexpected(identity.error());
  const auto key_to_trust = co_await host.admit(*identity);
  if (!key_to_trust) co_return tl::unexpected(key_to_trust.error());
  const auto device_key = crypto::RsaPublicKey::from_spki(*key_to_trust);
  if (!device_key) co_return tl::unexpected(device_key.error());
  const auto credentials = co_await lightssl::answer_handshake(
      stream, *device_key, host.server_key(), host.random(), host.workers(), Clock::now() + limits::handshake_timeout);
  if (!credentials) co_return tl::unexpected(credentials.error());
  HandshakeResult opened{*identity, *credentials};
  opened.identity.public_key = *key_to_trust;  // what the device has to prove by its Hello
  co_return opened;
}

// What only the handshake needs goes with it: the session may last for months.
asio::awaitable<Result<HandshakeResult>> handshake(transport::ByteStream& stream, SessionHost& host) {
  const auto encrypted =
      co_await lightssl::receive_handshake(stream, host.random(), Clock::now() + limits::handshake_timeout);
  if (!encrypted) co_return tl::unexpected(encrypted.error());
  co_return co_await handshake_within_limit(stream, *encrypted, host);
}

asio::awaitable<Result<void>> establish_session(transport::ByteStream& stream, SessionHost& host) {
  const auto began = Clock::now();
  auto opened = co_await handshake(stream, host);
  if (!opened) co_return tl::unexpected(opened.error());
  transport::count_tcp_handshake(began);

  const auto executor = co_await asio::this_coro::executor;
  lightssl::LightsslChannel channel(executor, stream, opened->credentials);
  co_return co_await run_session(channel, std::move(opened->identity), host);
}

// Over UDP the session may be one that the device left, or this program did: then it need not say Hello.
asio::awaitable<Result<void>> await_hello(DeviceProtocol& device, const transport::ResumableChannel& channel) {
  if (!channel.binding()) co_return co_await device.hello(Clock::now() + udp_hello_timeout);
  co_return co_await device.resume(channel.binding()->hello_payload, Clock::now() + limits::describe_timeout);
}

// Whose session it is, by Hello or by what is on file; the handshake has proved the key.
Result<transport::DeviceIdentity> identity_in(const transport::ResumableChannel& channel, const Hello& hello) {
  const auto id = hello.device_id ? hello.device_id
      : channel.binding()         ? std::optional(channel.binding()->device)
                                  : std::nullopt;
  if (!id) return failure(ErrorKind::malformed, "a device says Hello over UDP without its id");
  if (channel.binding() && channel.binding()->device != *id)
    return failure(ErrorKind::conflict,
        "device " + id->text() + " speaks in the session of device " + channel.binding()->device.text());
  return transport::DeviceIdentity{*id, channel.public_key()};
}

// Every Hello in a session begins another connection.
asio::awaitable<Result<std::unique_ptr<UpdateController>>> begin_connection(
    DeviceProtocol& device, transport::ResumableChannel& channel, SessionHost& host) {
  const auto identity = identity_in(channel, device.reported().hello);
  if (!identity) co_return tl::unexpected(identity.error());
  if (const auto admitted = co_await host.admit(*identity); !admitted) co_return tl::unexpected(admitted.error());
  auto controller = co_await host.register_connection(*identity, device, channel);
  if (!controller) co_return controller;
  transport::ResumableChannel::SessionBinding binding{
      identity->id, device.hello_payload(), (*controller)->persists_session()};
  if (const auto bound = co_await channel.bind(std::move(binding)); !bound) co_return tl::unexpected(bound.error());
  co_return controller;
}

asio::awaitable<Result<void>> establish_session(transport::ResumableChannel& channel, SessionHost& host) {
  DeviceProtocol device(channel, host.random());
  if (const auto hello = co_await await_hello(device, channel); !hello) co_return tl::unexpected(hello.error());
  for (;;) {
    const auto controller = co_await begin_connection(device, channel, host);
    if (!controller) co_return tl::unexpected(controller.error());
    device.set_callbacks(host.callbacks(channel.binding()->device));
    const auto why = co_await run_updates(device, **controller, host.offer_fast_ota());
    (*controller)->session_ended(why);
    if (why.kind != ErrorKind::session_restarted) co_return Result<void>{};
    device.refuse_calls({ErrorKind::closed, "the device started anew before it answered"});
  }
}

}  // namespace

asio::awaitable<Result<void>> run_session(
    transport::Channel& channel, transport::DeviceIdentity identity, SessionHost& host) {
  DeviceProtocol device(channel, host.random());
  device.set_callbacks(host.callbacks(identity.id));
  const auto hello = co_await device.hello(Clock::now() + limits::handshake_timeout);
  if (!hello) co_return tl::unexpected(hello.error());
  const auto controller = co_await host.register_connection(identity, device, channel);
  if (!controller) co_return tl::unexpected(controller.error());
  identity.public_key = {};  // the host has it

  const auto why = co_await run_updates(device, **controller, host.offer_fast_ota());
  (*controller)->session_ended(why);
  co_return Result<void>{};
}

asio::awaitable<void> serve(transport::ByteStream& stream, SessionHost& host) {
  const auto established = co_await establish_session(stream, host);
  if (!established) host.connection_rejected(established.error(), stream.peer());
  stream.close();
}

asio::awaitable<void> serve(transport::ResumableChannel& channel, SessionHost& host) {
  const auto established = co_await establish_session(channel, host);
  if (established) co_return;
  const auto kind = established.error().kind;
  if (!channel.binding()) channel.forget();  // it is bound to no device
  if (kind == ErrorKind::closed || kind == ErrorKind::timed_out || kind == ErrorKind::storage) co_return;
  host.connection_rejected(established.error(), channel.peer());
  // Silently: told so, the device would be back with a new handshake at once.
  channel.forget();
}

}  // namespace drydock::device
