#include "transport/dtls/messages.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::transport::dtls {
namespace {

constexpr std::size_t handshake_header_size = 12;
constexpr std::uint16_t version_1_2 = 0xfefd;

constexpr std::uint16_t suite = 0xc0ae;  // TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 (RFC 7251)
constexpr std::uint16_t renegotiation_scsv = 0x00ff;
constexpr std::uint16_t secp256r1 = 23;
constexpr std::uint16_t ecdsa_sha256 = 0x0403;
constexpr std::uint8_t raw_public_key = 2;
constexpr std::uint8_t named_curve = 3;
constexpr std::uint8_t ecdsa_sign = 64;

namespace extension {
constexpr std::uint16_t supported_groups = 10;
constexpr std::uint16_t point_formats = 11;
constexpr std::uint16_t signature_algorithms = 13;
constexpr std::uint16_t client_certificate_type = 19;
constexpr std::uint16_t server_certificate_type = 20;
constexpr std::uint16_t connection_id = 254;  // the draft's number, not RFC 9146's 54
constexpr std::uint16_t renegotiation_info = 0xff01;
}  // namespace extension

void put_be24(Bytes& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 16));
  put_be16(to, static_cast<std::uint16_t>(value));
}
std::size_t get_be24(ByteView from, std::size_t at) {
  return std::size_t{from[at]} << 16 | get_be16(from, at + 1);
}

// A field's length stands in front of it; reading past the end turns the reader bad for good.
class Reader {
public:
  explicit Reader(ByteView bytes) : left_(bytes) {}
  bool good() const { return good_; }
  bool empty() const { return left_.empty(); }
  ByteView take(std::size_t size) {
    if (!good_ || left_.size() < size) {
      good_ = false;
      return {};
    }
    const auto taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }
  std::uint16_t number16() {
    const auto bytes = take(2);
    return good_ ? get_be16(bytes, 0) : std::uint16_t{0};
  }
  ByteView vector8() {
    const auto size = take(1);
    return take(good_ ? size[0] : 0);
  }
  ByteView vector16() { return take(number16()); }

private:
  ByteView left_;
  bool good_ = true;
};

bool lists16(ByteView list, std::uint16_t wanted) {
  for (std::size_t at = 0; at + 1 < list.size(); at += 2)
    if (get_be16(list, at) == wanted) return true;
  return false;
}
bool lists8(ByteView list, std::uint8_t wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

void read_extension(ClientHello& hello, std::uint16_t type, ByteView body) {
  Reader in(body);
  switch (type) {
    case extension::supported_groups: hello.offers_p256 = lists16(in.vector16(), secp256r1); break;
    case extension::signature_algorithms: hello.offers_ecdsa_sha256 = lists16(in.vector16(), ecdsa_sha256); break;
    case extension::point_formats: hello.knows_point_formats = true; break;
    case extension::client_certificate_type: hello.offers_raw_public_key = lists8(in.vector8(), raw_public_key); break;
    case extension::server_certificate_type:
      hello.knows_server_certificate_type = lists8(in.vector8(), raw_public_key);
      break;
    case extension::renegotiation_info: hello.knows_renegotiation_info = true; break;
    case extension::connection_id: hello.offers_connection_id = in.vector8().empty() && in.good(); break;
    default: break;
  }
}

void put_extension(Bytes& to, std::uint16_t type, ByteView body) {
  put_be16(to, type);
  put_be16(to, static_cast<std::uint16_t>(body.size()));
  append(to, body);
}

}  // namespace

Bytes HandshakeMessage::encoded() const {
  Bytes out;
  out.reserve(handshake_header_size + body.size());
  out.push_back(static_cast<std::uint8_t>(type));
  put_be24(out, body.size());
  put_be16(out, sequence);
  put_be24(out, 0);
  put_be24(out, body.size());
  append(out, body);
  return out;
}

std::optional<HandshakeFragment> take_fragment(ByteView& content) {
  if (content.size() < handshake_header_size) return std::nullopt;
  HandshakeFragment fragment;
  fragment.type = static_cast<HandshakeType>(content[0]);
  fragment.length = get_be24(content, 1);
  fragment.sequence = get_be16(content, 4);
  fragment.offset = get_be24(content, 6);
  const auto size = get_be24(content, 9);
  if (content.size() - handshake_header_size < size || fragment.offset + size > fragment.length) return std::nullopt;
  fragment.bytes = content.subspan(handshake_header_size, size);
  content = content.subspan(handshake_header_size + size);
  return fragment;
}

std::string ClientHello::unsupported_reason() const {
  if (!offers_suite) return "it does not offer the cipher suite ECDHE-ECDSA-AES128-CCM-8";
  if (!offers_p256) return "it does not offer the curve P-256";
  if (!offers_ecdsa_sha256) return "it does not offer ECDSA with SHA-256";
  if (!offers_raw_public_key) return "it does not offer a raw public key";
  return {};
}

Result<ClientHello> parse_client_hello(ByteView body) {
  Reader in(body);
  ClientHello hello;
  (void)in.number16();  // the version is negotiated by the record layer's refusal of all others
  const auto random = in.take(random_size);
  (void)in.vector8();  // a session id: devices resume by themselves
  const auto cookie = in.vector8();
  const auto suites = in.vector16();
  (void)in.vector8();  // compression methods
  const auto extensions = in.empty() ? ByteView() : in.vector16();
  if (!in.good()) return failure(ErrorKind::malformed, "a ClientHello that is cut short");
  hello.random.assign(random.begin(), random.end());
  hello.cookie.assign(cookie.begin(), cookie.end());
  hello.offers_suite = lists16(suites, suite);
  hello.knows_renegotiation_info = lists16(suites, renegotiation_scsv);
  Reader list(extensions);
  while (!list.empty()) {
    const auto type = list.number16();
    const auto content = list.vector16();
    if (!list.good()) return failure(ErrorKind::malformed, "a ClientHello with an extension that is cut short");
    read_extension(hello, type, content);
  }
  return hello;
}

Bytes hello_verify_request(ByteView cookie) {
  Bytes body;
  put_be16(body, version_1_2);
  body.push_back(static_cast<std::uint8_t>(cookie.size()));
  append(body, cookie);
  return body;
}

Bytes server_hello(const ClientHello& client, ByteView random, const std::optional<ConnectionId>& connection_id) {
  constexpr std::array<std::uint8_t, 1> nothing{0};
  constexpr std::array<std::uint8_t, 2> only_uncompressed{1, 0};
  constexpr std::array<std::uint8_t, 1> raw{raw_public_key};
  Bytes extensions;
  if (client.knows_renegotiation_info) put_extension(extensions, extension::renegotiation_info, nothing);
  if (connection_id) {
    Bytes id{connection_id_size};
    append(id, *connection_id);
    put_extension(extensions, extension::connection_id, id);
  }
  if (client.knows_point_formats) put_extension(extensions, extension::point_formats, only_uncompressed);
  // Without this one a device sends an empty certificate.
  put_extension(extensions, extension::client_certificate_type, raw);
  if (client.knows_server_certificate_type) put_extension(extensions, extension::server_certificate_type, raw);

  Bytes body;
  put_be16(body, version_1_2);
  append(body, random);
  body.push_back(0);  // no session id
  put_be16(body, suite);
  body.push_back(0);  // no compression
  put_be16(body, static_cast<std::uint16_t>(extensions.size()));
  append(body, extensions);
  return body;
}

Bytes key_exchange_parameters(ByteView point) {
  Bytes parameters{named_curve};
  put_be16(parameters, secp256r1);
  parameters.push_back(static_cast<std::uint8_t>(point.size()));
  append(parameters, point);
  return parameters;
}

Bytes server_key_exchange(ByteView parameters, ByteView signature) {
  Bytes body(parameters.begin(), parameters.end());
  put_be16(body, ecdsa_sha256);
  put_be16(body, static_cast<std::uint16_t>(signature.size()));
  append(body, signature);
  return body;
}

Bytes certificate_request() {
  Bytes body{1, ecdsa_sign};
  put_be16(body, 2);
  put_be16(body, ecdsa_sha256);
  put_be16(body, 0);  // no authorities
  return body;
}

Result<Bytes> parse_certificate(ByteView body) {
  if (body.size() < 3 || get_be24(body, 0) != body.size() - 3)
    return failure(ErrorKind::malformed, "a Certificate message whose length is wrong");
  const auto key = body.subspan(3);
  if (key.empty()) return failure(ErrorKind::refused, "the device sends no public key");
  return Bytes(key.begin(), key.end());
}

Result<Bytes> parse_client_key_exchange(ByteView body) {
  Reader in(body);
  const auto point = in.vector8();
  if (!in.good() || !in.empty()) return failure(ErrorKind::malformed, "a ClientKeyExchange whose length is wrong");
  return Bytes(point.begin(), point.end());
}

Result<Bytes> parse_certificate_verify(ByteView body) {
  Reader in(body);
  const auto algorithm = in.number16();
  const auto signature = in.vector16();
  if (!in.good() || !in.empty()) return failure(ErrorKind::malformed, "a CertificateVerify whose length is wrong");
  if (algorithm != ecdsa_sha256)
    return failure(ErrorKind::refused, "the device signs with another algorithm than ECDSA with SHA-256");
  return Bytes(signature.begin(), signature.end());
}

std::string alert_name(std::uint8_t description) {
  const char* name = "alert";
  switch (description) {
    case alert_close_notify: name = "close_notify"; break;
    case 10: name = "unexpected_message"; break;
    case 20: name = "bad_record_mac"; break;
    case alert_handshake_failure: name = "handshake_failure"; break;
    case 42: name = "bad_certificate"; break;
    case 47: name = "illegal_parameter"; break;
    case 50: name = "decode_error"; break;
    case 51: name = "decrypt_error"; break;
    case 80: name = "internal_error"; break;
    default: break;
  }
  return fmt::format("{} ({})", name, description);
}

Bytes fatal_alert(std::uint8_t description) {
  return {2, description};
}
Bytes close_notify() {
  return {1, alert_close_notify};
}

}  // namespace drydock::transport::dtls
