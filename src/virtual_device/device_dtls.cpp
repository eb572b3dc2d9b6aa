#include "virtual_device/device_dtls.hpp"

#include "virtual_device/device_crypto.hpp"

#include <map>
#include <algorithm>
#include <stdexcept>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/hmac.h>

namespace drydock::virtual_device {
namespace {

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}
word32 length(ByteView b) {
  return static_cast<word32>(b.size());
}

const Bytes spki_prefix = *from_hex("3059301306072a8648ce3d020106082a8648ce3d030107034200");

struct Ecc {
  Ecc() {
    require(wc_ecc_init(&key) == 0 && wc_InitRng(&rng) == 0 && wc_ecc_set_rng(&key, &rng) == 0,
        "virtual device: EC set-up");
  }
  ~Ecc() {
    wc_ecc_free(&key);
    wc_FreeRng(&rng);
  }
  Ecc(const Ecc&) = delete;
  Ecc& operator=(const Ecc&) = delete;
  mutable ecc_key key;
  mutable WC_RNG rng;
};

Bytes hmac(ByteView key, ByteView message) {
  Bytes out(32);
  Hmac h;
  require(wc_HmacInit(&h, nullptr, INVALID_DEVID) == 0, "virtual device: HMAC");
  wc_HmacSetKey(&h, WC_SHA256, key.data(), length(key));
  wc_HmacUpdate(&h, message.data(), length(message));
  wc_HmacFinal(&h, out.data());
  wc_HmacFree(&h);
  return out;
}

// TLS 1.2's PRF: each block is HMAC(secret, A(i) label seed), A(i) = HMAC(secret, A(i-1)).
Bytes prf(ByteView secret, std::string_view label, Bytes seed, std::size_t size) {
  seed.insert(seed.begin(), label.begin(), label.end());
  Bytes a = seed;
  Bytes out;
  while (out.size() < size) {
    a = hmac(secret, a);
    Bytes block = a;
    append(block, seed);
    append(out, hmac(secret, block));
  }
  out.resize(size);
  return out;
}

Bytes concat(ByteView a, ByteView b) {
  Bytes out(a.begin(), a.end());
  append(out, b);
  return out;
}

void put24(Bytes& to, std::size_t v) {
  to.push_back(static_cast<std::uint8_t>(v >> 16));
  put_be16(to, static_cast<std::uint16_t>(v));
}

Bytes handshake_message(std::uint8_t type, std::uint16_t number, ByteView body) {
  Bytes m{type};
  put24(m, body.size());
  put_be16(m, number);
  put24(m, 0);
  put24(m, body.size());
  append(m, body);
  return m;
}

Bytes random_bytes(std::size_t size) {
  WC_RNG rng;
  require(wc_InitRng(&rng) == 0, "virtual device: random numbers");
  Bytes out(size);
  wc_RNG_GenerateBlock(&rng, out.data(), length(out));
  wc_FreeRng(&rng);
  return out;
}

Bytes ccm(bool encrypt, ByteView key, ByteView nonce, ByteView aad, ByteView in, bool& ok) {
  Aes aes;
  require(wc_AesInit(&aes, nullptr, INVALID_DEVID) == 0 && wc_AesCcmSetKey(&aes, key.data(), 16) == 0,
      "virtual device: AES");
  Bytes out(encrypt ? in.size() + 8 : in.size() - 8);
  int status = 0;
  if (encrypt)
    status = wc_AesCcmEncrypt(
        &aes, out.data(), in.data(), length(in), nonce.data(), 12, out.data() + in.size(), 8, aad.data(), length(aad));
  else
    status = wc_AesCcmDecrypt(
        &aes, out.data(), in.data(), length(out), nonce.data(), 12, in.data() + out.size(), 8, aad.data(), length(aad));
  ok = status == 0;
  wc_AesFree(&aes);
  return out;
}

}  // namespace

struct DeviceEcKey::Impl : Ecc {};

DeviceEcKey::DeviceEcKey() : impl_(std::make_unique<Impl>()) {
  require(wc_ecc_make_key_ex(&impl_->rng, 32, &impl_->key, ECC_SECP256R1) == 0, "virtual device: EC key");
}
DeviceEcKey::DeviceEcKey(ByteView scalar) : impl_(std::make_unique<Impl>()) {
  require(wc_ecc_import_private_key_ex(scalar.data(), length(scalar), nullptr, 0, &impl_->key, ECC_SECP256R1) == 0 &&
          wc_ecc_make_pub(&impl_->key, nullptr) == 0,
      "virtual device: EC key");
}
DeviceEcKey::DeviceEcKey(DeviceEcKey&&) noexcept = default;
DeviceEcKey& DeviceEcKey::operator=(DeviceEcKey&&) noexcept = default;
DeviceEcKey::~DeviceEcKey() = default;

Bytes DeviceEcKey::point() const {
  Bytes p(65);
  word32 size = 65;
  require(wc_ecc_export_x963(&impl_->key, p.data(), &size) == 0, "virtual device: EC key");
  return p;
}
Bytes DeviceEcKey::spki() const {
  return concat(spki_prefix, point());
}
Bytes DeviceEcKey::sign(ByteView digest) const {
  Bytes s(ECC_MAX_SIG_SIZE);
  word32 size = length(s);
  require(wc_ecc_sign_hash(digest.data(), length(digest), s.data(), &size, &impl_->rng, &impl_->key) == 0,
      "virtual device: EC signature");
  s.resize(size);
  return s;
}
Bytes DeviceEcKey::agree(ByteView peer_point) const {
  Ecc peer;
  Bytes x(32);
  word32 size = 32;
  require(wc_ecc_import_x963_ex(peer_point.data(), length(peer_point), &peer.key, ECC_SECP256R1) == 0 &&
          wc_ecc_shared_secret(&impl_->key, &peer.key, x.data(), &size) == 0,
      "virtual device: ECDH");
  return x;
}

struct DeviceDtls::State {
  int* nonces_used_twice;
  enum class Step { hello, flight, finished, connected } step = Step::hello;
  Bytes client_random = random_bytes(32);
  Bytes cookie, server_random, connection_id, server_point;
  DeviceEcKey ephemeral;
  Bytes transcript;
  Bytes master;
  Bytes keys;                  // client key, server key, client iv, server iv
  std::uint16_t message = 0;   // number of our next handshake message
  std::uint16_t expected = 0;  // of the server's
  std::uint64_t plain_sequence = 0;
  std::uint64_t sequence = 0;  // in epoch 1
  std::uint64_t next_received = 0;
  std::map<Bytes, Bytes> nonces;  // the tag of each record of the server's in this session
  std::uint64_t seen = 0;         // bit k: next_received - 1 - k
  std::vector<Bytes> messages;    // of our last flight, encoded
  Bytes finished;
  bool marked = false;

  Bytes client_key() const { return Bytes(keys.begin(), keys.begin() + 16); }
  Bytes server_key() const { return Bytes(keys.begin() + 16, keys.begin() + 32); }

  Bytes plain(std::uint8_t type, ByteView content) {
    Bytes r{type, 0xfe, 0xfd, 0, 0};
    put_be16(r, 0);
    put_be32(r, static_cast<std::uint32_t>(plain_sequence++));
    put_be16(r, static_cast<std::uint16_t>(content.size()));
    append(r, content);
    return r;
  }

  Bytes sealed(std::uint8_t real_type, ByteView content) {
    Bytes number{0, 1};
    put_be16(number, static_cast<std::uint16_t>(sequence >> 32));
    put_be32(number, static_cast<std::uint32_t>(sequence));
    ++sequence;
    const bool with_id = !connection_id.empty();
    Bytes inner(content.begin(), content.end());
    if (with_id) {
      inner.push_back(real_type);
      while (inner.size() % 16 != 0) inner.push_back(0);
    }
    const std::uint8_t type = with_id ? 25 : real_type;
    Bytes aad = number;
    append(aad, Bytes{type, 0xfe, 0xfd});
    if (with_id) {
      append(aad, connection_id);
      aad.push_back(8);
    }
    put_be16(aad, static_cast<std::uint16_t>(inner.size()));
    bool ok = false;
    const auto cipher = ccm(true, client_key(), concat(ByteView(keys).subspan(32, 4), number), aad, inner, ok);
    Bytes r{type, 0xfe, 0xfd};
    append(r, number);
    append(r, connection_id);
    put_be16(r, static_cast<std::uint16_t>(cipher.size() + 8));
    append(r, number);
    append(r, cipher);
    return r;
  }

  // A server's record never has a connection id: the device's own is empty.
  std::optional<Bytes> open(std::uint8_t type, ByteView number, ByteView fragment) {
    if (fragment.size() < 16 || keys.empty()) return std::nullopt;
    Bytes aad(number.begin(), number.end());
    append(aad, Bytes{type, 0xfe, 0xfd});
    put_be16(aad, static_cast<std::uint16_t>(fragment.size() - 16));
    bool ok = false;
    auto plain_text = ccm(
        false, server_key(), concat(ByteView(keys).subspan(36, 4), fragment.first(8)), aad, fragment.subspan(8), ok);
    if (!ok) return std::nullopt;
    const Bytes tag(fragment.end() - 8, fragment.end());
    if (nonces.try_emplace(Bytes(fragment.begin(), fragment.begin() + 8), tag).first->second != tag)
      ++*nonces_used_twice;
    const std::uint64_t n = get_be32(number, 4);
    if (n < next_received) {
      const auto behind = next_received - 1 - n;
      if (behind >= 64 || (seen >> behind & 1) != 0) return std::nullopt;
      seen |= std::uint64_t{1} << behind;
    } else {
      const auto forward = n + 1 - next_received;
      seen = (forward < 64 ? seen << forward : 0) | 1;
      next_received = n + 1;
    }
    return plain_text;
  }

  Bytes client_hello() const {
    Bytes b{0xfe, 0xfd};
    append(b, client_random);
    b.push_back(0);
    b.push_back(static_cast<std::uint8_t>(cookie.size()));
    append(b, cookie);
    append(b, *from_hex("0004c0ae00ff0100"));
    return b;
  }
};

DeviceDtls::DeviceDtls(Identity identity) : identity_(std::move(identity)) {}
DeviceDtls::~DeviceDtls() = default;

void DeviceDtls::forget() {
  state_.reset();
}

bool DeviceDtls::connected() const {
  return state_ && state_->step == State::Step::connected;
}

namespace {

Bytes with_extensions(Bytes hello, bool connection_id) {
  const auto extensions = *from_hex(std::string("000d000a00080403040103030301000a000400020017000b00020100") +
      (connection_id ? "00fe000100" : "") +
      "00130002010200140002"
      "0102");
  put_be16(hello, static_cast<std::uint16_t>(extensions.size()));
  append(hello, extensions);
  return hello;
}

}  // namespace

std::vector<Bytes> DeviceDtls::begin() {
  state_ = std::make_unique<State>(&nonces_used_twice_);
  const auto hello = with_extensions(state_->client_hello(), identity_.mark != MoveMark::device_id);
  state_->messages = {handshake_message(1, state_->message++, hello)};
  return again();
}

std::vector<Bytes> DeviceDtls::again() {
  auto& s = *state_;
  Bytes datagram;
  for (const auto& m : s.messages) append(datagram, s.plain(22, m));
  if (!s.finished.empty()) {
    append(datagram, s.plain(20, Bytes{1}));
    append(datagram, s.sealed(22, s.finished));
  }
  return {datagram};
}

DeviceDtls::Progress DeviceDtls::on_datagram(ByteView datagram) {
  Progress progress;
  if (!state_) return progress;
  auto& s = *state_;
  using Step = State::Step;
  while (datagram.size() >= 13) {
    const auto type = datagram[0];
    const auto number = datagram.subspan(3, 8);
    const std::size_t size = get_be16(datagram, 11);
    if (datagram.size() < 13 + size) break;
    const auto fragment = datagram.subspan(13, size);
    datagram = datagram.subspan(13 + size);
    const bool secret = get_be16(number, 0) == 1;

    Bytes content(fragment.begin(), fragment.end());
    if (secret) {
      auto opened = s.open(type, number, fragment);
      if (!opened) continue;
      content = std::move(*opened);
    }
    if (type == 21) {
      // An alert in the clear is believed only while there is nothing better.
      if (secret || s.step != Step::connected) progress.ended = true;
      continue;
    }
    if (type == 23 && secret && s.step == Step::connected) {
      s.marked = false;
      progress.messages.push_back(std::move(content));
      continue;
    }
    if (type != 22 || content.size() < 12) continue;
    const auto kind = content[0];
    const ByteView body = ByteView(content).subspan(12);
    if (kind == 3 && s.step == Step::hello && s.cookie.empty()) {
      s.cookie.assign(body.begin() + 3, body.end());
      s.expected = 1;
      s.messages = {
          handshake_message(1, s.message++, with_extensions(s.client_hello(), identity_.mark != MoveMark::device_id))};
      s.transcript = s.messages[0];
      progress.to_send = again();
      continue;
    }
    if (get_be16(content, 4) != s.expected) continue;  // repeated, or too early
    ++s.expected;
    if (kind == 11) {  // a Certificate: the real device ends the handshake
      progress.ended = true;
      return progress;
    }
    if (kind == 20 && secret && s.step == Step::finished) {
      const auto expected = prf(s.master, "server finished", sha256(s.transcript), 12);
      if (!std::equal(body.begin(), body.end(), expected.begin(), expected.end()))
        progress.ended = true;
      else
        s.step = Step::connected;
      s.finished.clear();
      s.messages.clear();
      continue;
    }
    if (s.step != Step::hello) continue;
    append(s.transcript, content);
    if (kind == 2) {
      s.server_random.assign(body.begin() + 2, body.begin() + 34);
      std::size_t at = 34 + 1 + body[34] + 3 + 2;
      bool raw_key = false;
      while (at + 4 <= body.size()) {
        const auto extension = get_be16(body, at);
        const std::size_t length_of = get_be16(body, at + 2);
        if (extension == 254 && length_of == 9)
          s.connection_id.assign(
              body.begin() + static_cast<std::ptrdiff_t>(at) + 5, body.begin() + static_cast<std::ptrdiff_t>(at) + 13);
        if (extension == 19) raw_key = body[at + 4] == 2;
        at += 4 + length_of;
      }
      if (!raw_key || (identity_.mark != MoveMark::device_id && s.connection_id.empty())) progress.ended = true;
    } else if (kind == 12) {
      s.server_point.assign(body.begin() + 4, body.begin() + 69);
      const Bytes said = concat(concat(s.client_random, s.server_random), body.first(69));
      const auto signature = body.subspan(73);
      Ecc server;
      const auto point = ByteView(identity_.server_spki).subspan(spki_prefix.size());
      require(wc_ecc_import_x963_ex(point.data(), length(point), &server.key, ECC_SECP256R1) == 0,
          "virtual device: server key");
      int good = 0;
      const auto digest = sha256(said);
      wc_ecc_verify_hash(signature.data(), length(signature), digest.data(), 32, &good, &server.key);
      if (good != 1) progress.ended = true;
    } else if (kind == 14) {
      s.messages.clear();
      const auto say = [&s](std::uint8_t of, ByteView what) {
        s.messages.push_back(handshake_message(of, s.message++, what));
        append(s.transcript, s.messages.back());
      };
      Bytes certificate;
      put24(certificate, 91);
      append(certificate, identity_.key->spki());
      say(11, certificate);
      say(16, concat(Bytes{65}, s.ephemeral.point()));
      const auto signature = identity_.key->sign(sha256(s.transcript));
      Bytes verify{4, 3};
      put_be16(verify, static_cast<std::uint16_t>(signature.size()));
      append(verify, signature);
      say(15, verify);
      s.master = prf(s.ephemeral.agree(s.server_point), "master secret", concat(s.client_random, s.server_random), 48);
      s.keys = prf(s.master, "key expansion", concat(s.server_random, s.client_random), 40);
      if (identity_.wrong_finished) s.transcript.push_back(0);
      s.finished = handshake_message(20, s.message++, prf(s.master, "client finished", sha256(s.transcript), 12));
      append(s.transcript, s.finished);
      s.step = Step::finished;
      progress.to_send = again();
    }
    if (progress.ended) return progress;
  }
  return progress;
}

void DeviceDtls::resume() {
  state_->marked = true;
}

Bytes DeviceDtls::seal(ByteView message, std::uint8_t type) {
  auto datagram = state_->sealed(type, message);
  if (!state_->marked) return datagram;
  if (identity_.mark == MoveMark::type_253) datagram[0] = 253;
  if (identity_.mark == MoveMark::device_id) {
    datagram[0] = 254;
    append(datagram, identity_.id);
    datagram.push_back(12);
  }
  return datagram;
}

}  // namespace drydock::virtual_device
