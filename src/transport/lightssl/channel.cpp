#include "transport/lightssl/channel.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <asio/this_coro.hpp>

namespace drydock::transport::lightssl {
namespace {

constexpr std::size_t read_size = 4096;
// How much a run of sends may gather before it is written: a few segments, so that a fast transfer costs one system
// call for many chunks.
constexpr std::size_t write_batch = 16 * 1024;

Error connection_ended() {
  return Error{ErrorKind::closed, "the connection was closed"};
}

// An encrypted handshake is RSA ciphertext, which looks like noise; a web browser or a port scanner sends text.
constexpr std::size_t text_seen = 16;
bool looks_like_text(ByteView bytes) {
  const auto head = bytes.first(std::min(bytes.size(), text_seen));
  return std::all_of(
      head.begin(), head.end(), [](std::uint8_t c) { return c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f); });
}

}  // namespace

asio::awaitable<Result<EncryptedHandshake>> receive_handshake(
    ByteStream& stream, crypto::Random& random, Clock::time_point deadline) {
  const auto executor = co_await asio::this_coro::executor;
  DeadlineTimer timer(executor, [&] { stream.cancel(); });
  timer.set(deadline);

  EncryptedHandshake encrypted;
  encrypted.nonce = random.bytes(nonce_size);
  if (const auto error = co_await stream.write_all(encrypted.nonce)) co_return tl::unexpected(connection_ended());
  encrypted.ciphertext.resize(handshake_cipher_size);
  std::size_t have = 0;
  Result<void> ended;
  while (have < handshake_cipher_size && ended) {
    const auto read = co_await stream.read_some(std::span(encrypted.ciphertext).subspan(have));
    have += read.size;
    // The clock is asked too: the timer may have expired between two reads.
    if (Clock::now() >= deadline)
      ended = failure(ErrorKind::timed_out, "no complete handshake within its time");
    else if (read.error)
      ended = failure(ErrorKind::closed, have == 0 ? "nothing came" : "the handshake broke off in the middle");
    if (have >= text_seen && looks_like_text(ByteView(encrypted.ciphertext).first(have)))
      ended = failure(ErrorKind::malformed, "this is not a Particle device: its first bytes are text");
  }
  if (!ended) co_return tl::unexpected(ended.error());
  co_return encrypted;
}

asio::awaitable<Result<DeviceIdentity>> decrypt_handshake(
    const EncryptedHandshake& encrypted, const crypto::RsaPrivateKey& server_key, const crypto::Workers& workers) {
  std::function<Result<Bytes>()> decrypt = [&server_key, &encrypted] {
    return server_key.decrypt(encrypted.ciphertext);
  };
  const auto plaintext = co_await crypto::offload(workers, std::move(decrypt));
  Result<DeviceIdentity> identity =
      plaintext ? parse_handshake(*plaintext, encrypted.nonce) : failure(ErrorKind::refused, plaintext.error().message);
  if (!identity) identity.error().kind = ErrorKind::refused;
  co_return identity;
}

asio::awaitable<Result<Credentials>> answer_handshake(ByteStream& stream, const crypto::RsaPublicKey& device_key,
    const crypto::RsaPrivateKey& server_key, crypto::Random& random, const crypto::Workers& workers,
    Clock::time_point deadline) {
  const auto executor = co_await asio::this_coro::executor;
  DeadlineTimer timer(executor, [&] { stream.cancel(); });
  timer.set(deadline);

  const Credentials credentials = make_credentials(random);
  // The padding is drawn before the work leaves this thread: the generator belongs to the loop.
  auto encrypted_for_device = device_key.encrypt(credentials.bytes, random);
  if (!encrypted_for_device) co_return tl::unexpected(encrypted_for_device.error());
  std::function<Result<Bytes>()> sign = [&] {
    return sign_reply(credentials, std::move(*encrypted_for_device), server_key);
  };
  const auto reply = co_await crypto::offload(workers, std::move(sign));
  if (!reply) co_return tl::unexpected(reply.error());
  if (const auto error = co_await stream.write_all(*reply)) co_return tl::unexpected(connection_ended());
  co_return credentials;
}

LightsslChannel::LightsslChannel(asio::any_io_executor executor, ByteStream& stream, const Credentials& credentials)
    : executor_(executor),
      stream_(stream),
      reader_(credentials.key(), credentials.initial_vector()),
      writer_(credentials.key(), credentials.initial_vector()),
      read_timer_(std::move(executor), [this] {
        if (reading_) stream_.cancel();
      }) {}

asio::awaitable<Result<coap::Message>> LightsslChannel::receive(Clock::time_point deadline) {
  if (const auto flushed = co_await flush(); !flushed) co_return tl::unexpected(flushed.error());
  for (;;) {
    auto frame = reader_.next();
    if (!frame) co_return tl::unexpected(frame.error());
    if (*frame) co_return coap::decode(**frame);
    if (closed_) co_return tl::unexpected(connection_ended());
    if (std::exchange(interrupted_, false)) co_return failure(ErrorKind::interrupted, "interrupted");
    if (Clock::now() >= deadline) co_return failure(ErrorKind::timed_out, "nothing came in time");

    read_timer_.set(deadline);
    reading_ = true;
    const auto error = co_await stream_.wait_readable();
    reading_ = false;
    // A cancelled wait is only a reason to look at the flags above again.
    const bool ended = error ? error != asio::error::operation_aborted : !read_arrived();
    if (ended) closed_ = true;
  }
}

bool LightsslChannel::read_arrived() {
  std::array<std::uint8_t, read_size> chunk;
  const auto read = stream_.read_now(chunk);
  reader_.feed(ByteView(chunk).first(read.size));
  return !read.error || read.error == asio::error::would_block;
}

asio::awaitable<Result<void>> LightsslChannel::send(const coap::Message& message, Flush when) {
  writer_.seal(coap::encode(message), pending_);
  if (when == Flush::later && pending_.size() < write_batch) co_return Result<void>{};
  co_return co_await flush();
}

asio::awaitable<Result<void>> LightsslChannel::flush() {
  if (closed_) co_return tl::unexpected(connection_ended());
  if (pending_.empty()) co_return Result<void>{};
  limit_writing(pending_.size());
  const auto error = co_await stream_.write_all(pending_);
  write_timer_->cancel();
  pending_.clear();
  if (write_stalled_) co_return failure(ErrorKind::timed_out, "the device takes no more data");
  if (error) {
    closed_ = true;
    co_return tl::unexpected(connection_ended());
  }
  co_return Result<void>{};
}

void LightsslChannel::limit_writing(std::size_t bytes) {
  if (!write_timer_)
    write_timer_.emplace(executor_, [this] {
      write_stalled_ = true;
      stream_.close();
    });
  write_timer_->set(
      Clock::now() + limits::write_timeout + std::chrono::milliseconds(bytes * 1000 / limits::min_link_rate));
}

void LightsslChannel::rest() {
  reader_.rest();
  writer_.rest();
  if (!pending_.empty()) return;
  pending_.shrink_to_fit();
  write_timer_.reset();
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
