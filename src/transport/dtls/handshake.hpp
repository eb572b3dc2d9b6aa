// The server's side of one DTLS handshake, as a state machine over datagrams (PROTOCOL §3.3):
//
//   ClientHello with a good cookie  ─►
//                                   ◄─  ServerHello, ServerKeyExchange, CertificateRequest, ServerHelloDone
//   Certificate (raw public key), ClientKeyExchange, CertificateVerify, [ChangeCipherSpec], Finished  ─►
//                                   ◄─  [ChangeCipherSpec], Finished
//
// The cookie is checked before one of these is made. No clock and no randomness inside: whoever drives it says when to
// send a flight again and brings the numbers drawn.
#pragma once

#include "crypto/ecc.hpp"
#include "crypto/random.hpp"
#include "transport/dtls/reassembly.hpp"
#include "transport/dtls/session.hpp"

#include <functional>

namespace drydock::transport::dtls {

/// ECDSA with the server's key over a SHA-256 digest; DER.
using Sign = std::function<Bytes(ByteView digest)>;

/// What a handshake needs of chance.
struct HandshakeRandom {
  std::array<std::uint8_t, random_size> random{};
  std::array<std::uint8_t, crypto::ec_scalar_size> scalar{};
  ConnectionId connection_id{};

  HandshakeRandom() = default;
  explicit HandshakeRandom(crypto::Random& from);
  HandshakeRandom(const HandshakeRandom&) = default;
  HandshakeRandom& operator=(const HandshakeRandom&) = default;
  ~HandshakeRandom() { crypto::wipe(scalar); }
};

using Datagrams = std::vector<Bytes>;

class ServerHandshake {
public:
  ServerHandshake(Sign sign, HandshakeRandom draw);
  ServerHandshake(ServerHandshake&&) = default;
  ~ServerHandshake();

  /// What to send in answer to a datagram: nothing, as a rule, until a flight is complete; the last flight again when
  /// the device repeats its own. ErrorKind::refused or ErrorKind::malformed ends the handshake. Costs up to two
  /// private-key operations.
  Result<Datagrams> on_datagram(ByteView datagram);

  /// The last flight with fresh record numbers, for when nothing came in answer.
  Datagrams retransmit_flight();

  /// The first ClientHello's random: another one from the same address begins another handshake.
  const Bytes& client_random() const { return client_random_; }
  std::optional<ConnectionId> connection_id() const { return connection_id_; }
  /// What the device said when it gave up, if it did. Nobody vouches for it.
  const std::optional<std::uint8_t>& alert() const { return alert_; }

  bool established() const { return established_; }
  /// Once established. It stays here as long as the device may ask for the last flight again; then it is taken out.
  Session& session() { return *session_; }

private:
  enum class Await { client_hello, certificate, client_key_exchange, certificate_verify, finished, nothing };
  struct Outgoing {
    ContentType type{};
    std::uint16_t epoch = 0;
    Bytes content;
  };

  Result<void> on_record(const Record& record);
  Result<void> on_plain(ByteView content, std::uint64_t record_sequence);
  Result<void> on_protected(const Record& record);
  Result<void> take_messages();
  Result<void> on_message(const HandshakeMessage& message);
  Result<void> on_client_hello(const HandshakeMessage& message);
  Result<void> on_key_exchange(const HandshakeMessage& message);
  Result<void> on_certificate_verify(const HandshakeMessage& message);
  Result<void> on_finished(const HandshakeMessage& message);
  Bytes say(HandshakeType type, Bytes body);

  Sign sign_;
  HandshakeRandom random_;
  Await await_ = Await::client_hello;
  Reassembly incoming_{0};
  std::uint16_t next_message_ = 0;
  std::uint64_t next_plain_record_ = 0;
  std::vector<Outgoing> flight_;
  bool flight_is_due_ = false;  ///< a new one, or the device repeats its own because ours was lost
  Bytes transcript_;
  Bytes client_random_;
  Bytes client_key_;
  Bytes master_;
  std::optional<ConnectionId> connection_id_;
  std::optional<crypto::EcPrivateKey> ephemeral_;
  std::optional<std::uint8_t> alert_;
  std::optional<Session> session_;  ///< from the moment there are keys
  bool established_ = false;
};

}  // namespace drydock::transport::dtls
