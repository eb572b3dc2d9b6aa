// The lightssl handshake of Particle's TCP devices as pure functions (PROTOCOL §2.1):
//
//   server → device   40 random bytes, the nonce
//   device → server   256 bytes: RSA(server key, nonce ‖ device id ‖ device public key)
//   server → device   384 bytes: RSA(device key, credentials) ‖ signature of its HMAC by the server key
//
// after which both sides speak AES-128-CBC frames under the credentials.
#pragma once

#include "crypto/aes.hpp"
#include "crypto/random.hpp"
#include "crypto/rsa.hpp"
#include "transport/device_identity.hpp"

namespace drydock::transport::lightssl {

inline constexpr std::size_t nonce_size = 40;
inline constexpr std::size_t handshake_cipher_size = 256;
inline constexpr std::size_t credentials_size = 40;
inline constexpr std::size_t reply_size = 384;

/// Reads the decrypted first message: ErrorKind::malformed when it is shorter than 52 bytes, ErrorKind::refused when it
/// does not repeat our nonce, as happens when a wrong key decrypts to noise.
Result<DeviceIdentity> parse_handshake(ByteView plaintext, ByteView nonce);

/// AES key, initial vector of both directions, and salt.
struct Credentials {
  std::array<std::uint8_t, credentials_size> bytes{};
  crypto::AesKey key() const;
  crypto::AesBlock initial_vector() const;
};
Credentials make_credentials(crypto::Random& random);

/// The 384 bytes that answer a handshake, from the credentials encrypted under the device's key: a private-key
/// operation with the server's key.
Result<Bytes> sign_reply(
    const Credentials& credentials, Bytes encrypted_for_device, const crypto::RsaPrivateKey& server_key);

}  // namespace drydock::transport::lightssl
