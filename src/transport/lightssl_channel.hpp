// The handshake and the frames over a byte stream: three awaits to be let in, then a Channel.
#pragma once

#include "base/watchdog.hpp"
#include "crypto/offload.hpp"
#include "transport/byte_stream.hpp"
#include "transport/channel.hpp"
#include "transport/lightssl_frames.hpp"
#include "transport/lightssl_handshake.hpp"

namespace drydock::transport::lightssl {

/// What came before it is opened, which costs a private-key operation.
struct SealedClaim {
  Bytes nonce;
  Bytes ciphertext;
};

/// Sends the nonce and reads the device's claim. Kind::malformed: what came was never meant to be a handshake.
/// Kind::timed_out, Kind::closed.
asio::awaitable<Result<SealedClaim>> await_claim(ByteStream& stream, crypto::Random& random, Clock::time_point deadline);

/// Kind::refused: this server's key does not open it, as from a device that holds another server's key. Whoever calls
/// decides whether to answer the claim.
asio::awaitable<Result<Claim>> open_claim(const SealedClaim& sealed, const crypto::RsaPrivateKey& server_key, const crypto::Workshop& workshop);

/// Answers the claim: `device_key` is the key to trust, from the claim or from file.
asio::awaitable<Result<Credentials>> accept_claim(ByteStream& stream, const crypto::RsaPublicKey& device_key,
                                                  const crypto::RsaPrivateKey& server_key, crypto::Random& random,
                                                  const crypto::Workshop& workshop, Clock::time_point deadline);

/// `stream` must outlive the channel.
class LightsslChannel final : public Channel {
public:
  LightsslChannel(asio::any_io_executor executor, ByteStream& stream, const Credentials& credentials);

  asio::awaitable<Result<coap::Message>> receive(Clock::time_point deadline) override;
  asio::awaitable<Result<void>> send(const coap::Message& message, Then then) override;
  void interrupt() override;
  void close() override;
  bool reliable() const override { return true; }
  std::size_t unacknowledged() const override { return pending_.size() + stream_.unacknowledged(); }
  std::string peer() const override { return stream_.peer(); }

private:
  asio::awaitable<Result<void>> flush();

  ByteStream& stream_;
  FrameReader reader_;
  FrameWriter writer_;
  Watchdog read_watchdog_;
  Watchdog write_watchdog_;
  Bytes pending_;
  bool reading_ = false;
  bool interrupted_ = false;
  bool closed_ = false;
  bool write_stalled_ = false;
};

}  // namespace drydock::transport::lightssl
