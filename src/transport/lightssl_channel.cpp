#include "transport/lightssl_channel.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <asio/this_coro.hpp>

namespace drydock::transport::lightssl {
namespace {

// How much a run of sends may gather before it is written: a few segments, so that a fast transfer costs one system
// call for many chunks.
constexpr std::size_t write_batch = 16 * 1024;

Error connection_ended() { return Error{Kind::closed, "the connection was closed"}; }

// A claim is RSA ciphertext, which looks like noise; a web browser or a port scanner sends text.
constexpr std::size_t text_seen = 16;
bool looks_like_text(ByteView bytes) {
  const auto head = bytes.first(std::min(bytes.size(), text_seen));
  return std::all_of(head.begin(), head.end(), [](std::uint8_t c) { return c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f); });
}

}  // namespace

asio::awaitable<Result<SealedClaim>> await_claim(ByteStream& stream, crypto::Random& random, Clock::time_point deadline) {
  const auto executor = co_await asio::this_coro::executor;
  Watchdog watchdog(executor, [&] { stream.cancel(); });
  watchdog.watch(deadline);

  SealedClaim sealed;
  sealed.nonce = random.bytes(nonce_size);
  if (const auto error = co_await stream.write_all(sealed.nonce)) co_return tl::unexpected(connection_ended());
  sealed.ciphertext.resize(claim_cipher_size);
  std::size_t have = 0;
  Result<void> ended;
  while (have < claim_cipher_size && ended) {
    const auto read = co_await stream.read_some(std::span(sealed.ciphertext).subspan(have));
    have += read.size;
    // The clock is asked too: the watchdog may have barked between two reads.
    if (Clock::now() >= deadline) ended = failure(Kind::timed_out, "no complete handshake within its time");
    else if (read.error) ended = failure(Kind::closed, have == 0 ? "nothing came" : "the handshake broke off in the middle");
    if (have >= text_seen && looks_like_text(ByteView(sealed.ciphertext).first(have)))
      ended = failure(Kind::malformed, "this is not a Particle device: its first bytes are text");
  }
  if (!ended) co_return tl::unexpected(ended.error());
  co_return sealed;
}

asio::awaitable<Result<Claim>> open_claim(const SealedClaim& sealed, const crypto::RsaPrivateKey& server_key, const crypto::Workshop& workshop) {
  std::function<Result<Bytes>()> decrypt = [&server_key, &sealed] { return server_key.decrypt(sealed.ciphertext); };
  const auto plaintext = co_await crypto::offload(workshop, std::move(decrypt));
  Result<Claim> claim = plaintext ? read_claim(*plaintext, sealed.nonce) : failure(Kind::refused, plaintext.error().message);
  if (!claim) claim.error().kind = Kind::refused;
  co_return claim;
}

asio::awaitable<Result<Credentials>> accept_claim(ByteStream& stream, const crypto::RsaPublicKey& device_key,
                                                  const crypto::RsaPrivateKey& server_key, crypto::Random& random,
                                                  const crypto::Workshop& workshop, Clock::time_point deadline) {
  const auto executor = co_await asio::this_coro::executor;
  Watchdog watchdog(executor, [&] { stream.cancel(); });
  watchdog.watch(deadline);

  const Credentials credentials = make_credentials(random);
  // The padding is drawn before the work leaves this thread: the generator belongs to the loop.
  auto encrypted_for_device = device_key.encrypt(credentials.bytes, random);
  if (!encrypted_for_device) co_return tl::unexpected(encrypted_for_device.error());
  std::function<Result<Bytes>()> sign = [&] { return sign_reply(credentials, std::move(*encrypted_for_device), server_key); };
  const auto reply = co_await crypto::offload(workshop, std::move(sign));
  if (!reply) co_return tl::unexpected(reply.error());
  if (const auto error = co_await stream.write_all(*reply)) co_return tl::unexpected(connection_ended());
  co_return credentials;
}

LightsslChannel::LightsslChannel(asio::any_io_executor executor, ByteStream& stream, const Credentials& credentials)
    : stream_(stream),
      reader_(credentials.key(), credentials.initial_vector()),
      writer_(credentials.key(), credentials.initial_vector()),
      read_watchdog_(executor, [this] { if (reading_) stream_.cancel(); }),
      write_watchdog_(executor, [this] {
        write_stalled_ = true;
        stream_.close();
      }) {}

asio::awaitable<Result<coap::Message>> LightsslChannel::receive(Clock::time_point deadline) {
  if (const auto flushed = co_await flush(); !flushed) co_return tl::unexpected(flushed.error());
  std::array<std::uint8_t, 4096> chunk;
  for (;;) {
    auto frame = reader_.next();
    if (!frame) co_return tl::unexpected(frame.error());
    if (*frame) co_return coap::decode(**frame);
    if (closed_) co_return tl::unexpected(connection_ended());
    if (std::exchange(interrupted_, false)) co_return failure(Kind::interrupted, "interrupted");
    if (Clock::now() >= deadline) co_return failure(Kind::timed_out, "nothing came in time");

    read_watchdog_.watch(deadline);
    reading_ = true;
    const auto read = co_await stream_.read_some(chunk);
    reading_ = false;
    // A cancelled read is only a reason to look at the flags above again.
    if (read.error && read.error != asio::error::operation_aborted) closed_ = true;
    reader_.feed(ByteView(chunk).first(read.size));
  }
}

asio::awaitable<Result<void>> LightsslChannel::send(const coap::Message& message, Then then) {
  writer_.seal(coap::encode(message), pending_);
  if (then == Then::more && pending_.size() < write_batch) co_return Result<void>{};
  co_return co_await flush();
}

asio::awaitable<Result<void>> LightsslChannel::flush() {
  if (closed_) co_return tl::unexpected(connection_ended());
  if (pending_.empty()) co_return Result<void>{};
  write_watchdog_.watch(Clock::now() + limits::write_stall + std::chrono::milliseconds(pending_.size() * 1000 / limits::slowest_link));
  const auto error = co_await stream_.write_all(pending_);
  write_watchdog_.rest();
  pending_.clear();
  if (write_stalled_) co_return failure(Kind::timed_out, "the device takes no more data");
  if (error) {
    closed_ = true;
    co_return tl::unexpected(connection_ended());
  }
  co_return Result<void>{};
}

void LightsslChannel::interrupt() {
  interrupted_ = true;
  if (reading_) stream_.cancel();
}

void LightsslChannel::close() {
  closed_ = true;
  stream_.close();
}

}  // namespace drydock::transport::lightssl
