// The handshake messages of the one DTLS profile there is (RFC 6347 §4.2, RFC 7250, PROTOCOL §3.2 to §3.4), read and
// written. The server sends no Certificate: devices know its key.
#pragma once

#include "base/result.hpp"
#include "transport/dtls/record.hpp"

namespace drydock::transport::dtls {

enum class HandshakeType : std::uint8_t {
  client_hello = 1,
  server_hello = 2,
  hello_verify_request = 3,
  certificate = 11,
  server_key_exchange = 12,
  certificate_request = 13,
  server_hello_done = 14,
  certificate_verify = 15,
  client_key_exchange = 16,
  finished = 20,
};

struct HandshakeMessage {
  HandshakeType type{};
  std::uint16_t sequence = 0;
  Bytes body;
  /// With its header, in one fragment: the form that goes into the transcript.
  Bytes encoded() const;
};

/// A piece of a message as it travels.
struct HandshakeFragment {
  HandshakeType type{};
  std::uint16_t sequence = 0;
  std::size_t length = 0;  ///< of the whole message
  std::size_t offset = 0;
  ByteView bytes;
  bool whole() const { return offset == 0 && bytes.size() == length; }
};

/// Takes the next fragment off the front of a handshake record's content; nothing when it is cut or contradicts itself.
std::optional<HandshakeFragment> take_fragment(ByteView& content);

struct ClientHello {
  Bytes random;  ///< 32 bytes
  Bytes cookie;
  bool offers_suite = false;  ///< TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8
  bool offers_p256 = false;
  bool offers_ecdsa_sha256 = false;
  bool offers_raw_public_key = false;  ///< its own; for the server's see below
  bool knows_server_certificate_type = false;
  bool knows_point_formats = false;
  bool knows_renegotiation_info = false;
  bool offers_connection_id = false;  ///< extension 254, with an empty id for the way back

  /// Why no handshake with it is possible; empty when it is.
  std::string unsupported_reason() const;
};

/// ErrorKind::malformed when it is cut or its lengths contradict each other.
Result<ClientHello> parse_client_hello(ByteView body);

Bytes hello_verify_request(ByteView cookie);
/// `connection_id` only when the device offered it.
Bytes server_hello(const ClientHello& client, ByteView random, const std::optional<ConnectionId>& connection_id);
/// Curve and point, without the signature: what is signed together with both randoms.
Bytes key_exchange_parameters(ByteView point);
Bytes server_key_exchange(ByteView parameters, ByteView signature);
Bytes certificate_request();

/// The SubjectPublicKeyInfo of a raw public key. ErrorKind::malformed; ErrorKind::refused when the device sends none.
Result<Bytes> parse_certificate(ByteView body);
Result<Bytes> parse_client_key_exchange(ByteView body);  ///< the point
Result<Bytes> parse_certificate_verify(ByteView body);   ///< the signature

/// "handshake_failure (40)": an alert's description.
std::string alert_name(std::uint8_t description);
inline constexpr std::uint8_t alert_close_notify = 0;
inline constexpr std::uint8_t alert_handshake_failure = 40;
Bytes fatal_alert(std::uint8_t description);
Bytes close_notify();

}  // namespace drydock::transport::dtls
