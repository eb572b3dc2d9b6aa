#include "device/session.hpp"

#include "base/limits.hpp"
#include "transfer/chunked.hpp"
#include "transfer/resumable.hpp"
#include "transport/lightssl_channel.hpp"

#include <asio/this_coro.hpp>

namespace drydock::device {
namespace {

using namespace std::chrono_literals;
namespace lightssl = transport::lightssl;

// A device that took an image resets within a few seconds; a bootloader may need a little longer.
constexpr auto reset_time = 90s;
constexpr auto refusal_time = 5s;
// Its fourth and last try comes after 28 s and a little more.
constexpr auto hello_time_over_udp = 60s;

Error left(bool with_new_firmware) { return {Kind::closed, with_new_firmware ? "the device resets into its new firmware" : "the device disconnected"}; }

asio::awaitable<Result<transfer::Delivery>> send_module(Conversation& device, Berth& berth, const Decision::Send& what, bool offer_fast) {
  const transfer::Progress progress = [&berth](std::size_t bytes) { berth.progress(bytes); };
  const auto& facts = device.facts();
  if (facts.hello.says(hello_flag::ota_v3)) {
    transfer::ResumableOptions options;
    options.chunk_size = facts.resumable_chunk_size();
    if (facts.knows_module_function()) options.module_function = static_cast<std::uint8_t>(what.step.module.key.function);
    co_return co_await transfer::send_resumable(device, *what.image, options, progress);
  }
  transfer::ChunkedOptions options;
  options.offer_fast = offer_fast;
  options.chunk_size = facts.usable_chunk_size();
  options.waits_for_answers = facts.sends_synchronously();
  co_return co_await transfer::send_chunked(device, *what.image, options, progress);
}

// The life of a device at its berth. It ends with the connection, or over UDP with a new Hello: by a reset, as a rule, for
// that is how a device puts a module into force.
asio::awaitable<Error> live(Conversation& device, Berth& berth, bool offer_fast) {
  for (;;) {
    while (berth.awaits_approval(device.facts())) {
      device.forget_describe();
      const auto reason = co_await device.keep_company(Clock::time_point::max());
      if (!reason) co_return reason.error();
    }

    const auto described = co_await device.describe();
    if (!described && described.error().kind == Kind::undescribed) {
      // It would only come again at once if it were sent away.
      berth.undescribed(described.error());
      const auto reason = co_await device.keep_company(Clock::time_point::max());
      if (!reason) co_return reason.error();
      continue;
    }
    if (!described) co_return described.error();

    auto decision = co_await berth.decide(device.facts());
    while (decision && !decision->send) {
      if (decision->force_updates)
        if (const auto told = co_await device.force_updates(); !told) co_return told.error();
      const auto application = co_await device.describe_application();
      if (!application) co_return application.error();
      const auto reason = co_await device.keep_company(decision->look_again);
      if (!reason) co_return reason.error();
      decision = co_await berth.decide(device.facts());
    }
    if (!decision) co_return decision.error();

    const auto delivery = co_await send_module(device, berth, *decision->send, offer_fast);
    co_await berth.sent(delivery);
    // After a refusal the device is as it was; after anything else that failed nobody knows what it waits for.
    if (!delivery && delivery.error().kind != Kind::refused) co_return delivery.error();

    const Clock::duration patience = delivery ? Clock::duration(reset_time) : Clock::duration(refusal_time);
    const auto reset = co_await device.wait_for_reset(Clock::now() + patience);
    if (!reset) co_return reset.error();
    if (*reset) co_return left(delivery.has_value());
  }
}

struct Opened {
  transport::Claim claim;
  lightssl::Credentials credentials;
};

// The two private-key operations of a handshake. What a device waits in line does not count against its time, and no
// crowd of strangers keeps a known device waiting.
asio::awaitable<Result<Opened>> open_in_turn(transport::ByteStream& stream, const lightssl::SealedClaim& sealed, Dock& dock) {
  const auto line = dock.knows_address(stream.peer()) ? Turnstile::Line::first : Turnstile::Line::second;
  const auto pass = co_await dock.handshakes().enter(line);
  const auto claim = co_await lightssl::open_claim(sealed, dock.server_key(), dock.workshop());
  if (!claim) co_return tl::unexpected(claim.error());
  const auto key_to_trust = dock.admit(*claim, stream.peer());
  if (!key_to_trust) co_return tl::unexpected(key_to_trust.error());
  const auto device_key = crypto::RsaPublicKey::from_spki(*key_to_trust);
  if (!device_key) co_return tl::unexpected(device_key.error());
  const auto credentials = co_await lightssl::accept_claim(stream, *device_key, dock.server_key(), dock.random(), dock.workshop(), Clock::now() + limits::handshake);
  if (!credentials) co_return tl::unexpected(credentials.error());
  Opened opened{*claim, *credentials};
  opened.claim.public_key = *key_to_trust;   // what the device has to prove by its Hello
  co_return opened;
}

asio::awaitable<Result<void>> come_in(transport::ByteStream& stream, Dock& dock) {
  const auto sealed = co_await lightssl::await_claim(stream, dock.random(), Clock::now() + limits::handshake);
  if (!sealed) co_return tl::unexpected(sealed.error());
  const auto opened = co_await open_in_turn(stream, *sealed, dock);
  if (!opened) co_return tl::unexpected(opened.error());
  const auto& [claim, credentials] = *opened;

  const auto executor = co_await asio::this_coro::executor;
  lightssl::LightsslChannel channel(executor, stream, credentials);
  co_return co_await stay(channel, claim, dock);
}

// Over UDP the session may be one that the device left, or this program did: then it need not say Hello.
asio::awaitable<Result<Hello>> greet(Conversation& device, const transport::ResumableChannel& channel) {
  if (!channel.bond()) co_return co_await device.hello(Clock::now() + hello_time_over_udp);
  co_return co_await device.resume(channel.bond()->memo, Clock::now() + limits::describe_response);
}

// Whose session it is, by Hello or by what is on file; the handshake has proved the key.
Result<transport::Claim> claim_in(const transport::ResumableChannel& channel, const Hello& hello) {
  const auto id = hello.device_id ? hello.device_id : channel.bond() ? std::optional(channel.bond()->device) : std::nullopt;
  if (!id) return failure(Kind::malformed, "a device says Hello over UDP without its id");
  if (channel.bond() && channel.bond()->device != *id) return failure(Kind::conflict, "device " + id->text() + " speaks in the session of device " + channel.bond()->device.text());
  return transport::Claim{*id, channel.public_key()};
}

asio::awaitable<Result<void>> come_in(transport::ResumableChannel& channel, Dock& dock) {
  Conversation device(channel, dock.random());
  if (const auto hello = co_await greet(device, channel); !hello) co_return tl::unexpected(hello.error());
  for (;;) {
    const auto claim = claim_in(channel, device.facts().hello);
    if (!claim) co_return tl::unexpected(claim.error());
    if (const auto admitted = dock.admit(*claim, channel.peer()); !admitted) co_return tl::unexpected(admitted.error());
    device.accompanied_by(dock.bystander(claim->id));
    const auto berth = co_await dock.berth(*claim, device.facts().hello, channel);
    if (!berth) co_return tl::unexpected(berth.error());
    transport::ResumableChannel::Bond bond{claim->id, device.hello_payload(), (*berth)->keeps_session()};
    if (const auto bound = co_await channel.bind(std::move(bond)); !bound) co_return tl::unexpected(bound.error());
    const auto why = co_await live(device, **berth, dock.offer_fast_ota());
    (*berth)->leaving(why);
    // What begins now is another connection, in the same session.
    if (why.kind != Kind::restarted) co_return Result<void>{};
  }
}

}  // namespace

asio::awaitable<Result<void>> stay(transport::Channel& channel, const transport::Claim& claim, Dock& dock) {
  Conversation device(channel, dock.random());
  device.accompanied_by(dock.bystander(claim.id));
  const auto hello = co_await device.hello(Clock::now() + limits::handshake);
  if (!hello) co_return tl::unexpected(hello.error());
  const auto berth = co_await dock.berth(claim, *hello, channel);
  if (!berth) co_return tl::unexpected(berth.error());

  const auto why = co_await live(device, **berth, dock.offer_fast_ota());
  (*berth)->leaving(why);
  co_return Result<void>{};
}

asio::awaitable<void> serve(transport::ByteStream& stream, Dock& dock) {
  const auto came_in = co_await come_in(stream, dock);
  if (!came_in) dock.turned_away(came_in.error(), stream.peer());
  stream.close();
}

asio::awaitable<void> serve(transport::ResumableChannel& channel, Dock& dock) {
  const auto came_in = co_await come_in(channel, dock);
  if (came_in) co_return;
  const auto kind = came_in.error().kind;
  if (!channel.bond()) channel.forget();   // nobody stands behind it
  if (kind == Kind::closed || kind == Kind::timed_out || kind == Kind::storage) co_return;
  dock.turned_away(came_in.error(), channel.peer());
  // Silently: told so, the device would be back with a new handshake at once.
  channel.forget();
}

}  // namespace drydock::device
