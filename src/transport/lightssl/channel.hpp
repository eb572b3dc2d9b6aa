// The handshake and the frames over a byte stream: three awaits to be let in, then a Channel.
#pragma once

#include "base/deadline_timer.hpp"
#include "crypto/offload.hpp"
#include "transport/byte_stream.hpp"
#include "transport/channel.hpp"
#include "transport/lightssl/frames.hpp"
#include "transport/lightssl/handshake.hpp"

namespace drydock::transport::lightssl {

/// The device's first message before it is decrypted, which costs a private-key operation.
struct EncryptedHandshake {
  Bytes nonce;
  Bytes ciphertext;
};

/// Sends the nonce and reads the device's first message. ErrorKind::malformed: what came was never meant to be a
/// handshake. ErrorKind::timed_out, ErrorKind::closed.
asio::awaitable<Result<EncryptedHandshake>> receive_handshake(
    ByteStream& stream, crypto::Random& random, Clock::time_point deadline);

/// ErrorKind::refused: this server's key does not open it, as from a device that holds another server's key. Whoever
/// calls decides whether to answer.
asio::awaitable<Result<DeviceIdentity>> decrypt_handshake(
    const EncryptedHandshake& encrypted, const crypto::RsaPrivateKey& server_key, const crypto::Workers& workers);

/// Answers: `device_key` is the key to trust, from the handshake or from file.
asio::awaitable<Result<Credentials>> answer_handshake(ByteStream& stream, const crypto::RsaPublicKey& device_key,
    const crypto::RsaPrivateKey& server_key, crypto::Random& random, const crypto::Workers& workers,
    Clock::time_point deadline);

/// `stream` must outlive the channel.
class LightsslChannel final : public Channel {
public:
  LightsslChannel(asio::any_io_executor executor, ByteStream& stream, const Credentials& credentials);

  asio::awaitable<Result<coap::Message>> receive(Clock::time_point deadline) override;
  asio::awaitable<Result<void>> send(const coap::Message& message, Flush flush) override;
  void interrupt() override;
  void rest() override;
  void close() override;
  bool reliable() const override { return true; }
  std::size_t unacknowledged() const override { return pending_.size() + stream_.unacknowledged(); }
  std::string peer() const override { return stream_.peer(); }

private:
  bool read_arrived();
  asio::awaitable<Result<void>> flush();
  void limit_writing(std::size_t bytes);

  asio::any_io_executor executor_;
  ByteStream& stream_;
  FrameReader reader_;
  FrameWriter writer_;
  DeadlineTimer read_timer_;
  std::optional<DeadlineTimer> write_timer_;  ///< while there is something to write
  Bytes pending_;
  bool reading_ = false;
  bool interrupted_ = false;
  bool closed_ = false;
  bool write_stalled_ = false;
};

}  // namespace drydock::transport::lightssl
