#include "transport/lightssl/handshake.hpp"

#include "crypto/hash.hpp"

#include <algorithm>

namespace drydock::transport::lightssl {

Result<DeviceIdentity> parse_handshake(ByteView plaintext, ByteView nonce) {
  constexpr std::size_t id_size = 12;
  if (plaintext.size() < nonce_size + id_size) return failure(ErrorKind::malformed, "handshake message is too short");
  if (!equal_in_constant_time(plaintext.first(nonce_size), nonce))
    return failure(ErrorKind::refused, "handshake message does not repeat the nonce");
  DeviceIdentity identity;
  std::copy_n(plaintext.begin() + nonce_size, id_size, identity.id.bytes.begin());
  const auto key = plaintext.subspan(nonce_size + id_size);
  identity.public_key.assign(key.begin(), key.end());
  return identity;
}

crypto::AesKey Credentials::key() const {
  crypto::AesKey key;
  std::copy_n(bytes.begin(), key.size(), key.begin());
  return key;
}

crypto::AesBlock Credentials::initial_vector() const {
  crypto::AesBlock iv;
  std::copy_n(bytes.begin() + 16, iv.size(), iv.begin());
  return iv;
}

Credentials make_credentials(crypto::Random& random) {
  Credentials credentials;
  random.fill(credentials.bytes);
  return credentials;
}

Result<Bytes> sign_reply(
    const Credentials& credentials, Bytes encrypted_for_device, const crypto::RsaPrivateKey& server_key) {
  const auto digest = crypto::hmac_sha1(credentials.bytes, encrypted_for_device);
  const auto signature = server_key.sign_bare(digest);
  if (!signature) return signature;
  Bytes reply = std::move(encrypted_for_device);
  append(reply, *signature);
  if (reply.size() != reply_size)
    return failure(ErrorKind::malformed, "the device's or the server's RSA key has the wrong length");
  return reply;
}

}  // namespace drydock::transport::lightssl
