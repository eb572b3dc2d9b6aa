// RSA as the lightssl handshake uses it: PKCS#1 v1.5, with the padding visible so that recorded handshakes can be
// reproduced byte for byte.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/random.hpp"

#include <memory>
#include <string>

namespace drydock::crypto {

class RsaPublicKey {
public:
  /// X.509 SubjectPublicKeyInfo, DER, of a key with the exponent 65537. Fails with ErrorKind::malformed; trailing bytes
  /// are allowed (devices pad with 0xff).
  static Result<RsaPublicKey> from_spki(ByteView der);

  RsaPublicKey(RsaPublicKey&&) noexcept;
  RsaPublicKey& operator=(RsaPublicKey&&) noexcept;
  ~RsaPublicKey();

  std::size_t size() const;  ///< of the modulus, in bytes
  Bytes modulus() const;     ///< big-endian, without leading zeros

  /// RSAES-PKCS1-v1_5: the result has size() bytes. Fails with ErrorKind::too_large when `plaintext` leaves no room for
  /// padding.
  Result<Bytes> encrypt(ByteView plaintext, Random& padding) const;

private:
  RsaPublicKey();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Private operations may be asked for by several threads at the same time.
class RsaPrivateKey {
public:
  /// Takes a second or so for 2048 bits, more on a Pi.
  static RsaPrivateKey generate(int bits);
  /// PKCS#1 or PKCS#8, DER or PEM, without a pass phrase. A key that does not undo what its public half does is
  /// damaged, and ErrorKind::malformed too.
  static Result<RsaPrivateKey> parse(ByteView der_or_pem);

  RsaPrivateKey(RsaPrivateKey&&) noexcept;
  RsaPrivateKey& operator=(RsaPrivateKey&&) noexcept;
  ~RsaPrivateKey();

  std::size_t size() const;
  std::string to_pem() const;     ///< PKCS#1, as `openssl genrsa` wrote it
  Bytes public_key_spki() const;  ///< 294 bytes for 2048 bits
  std::string public_key_pem() const;

  /// The plaintext of RSAES-PKCS1-v1_5; ErrorKind::malformed when the padding is not there. A private operation: 2 ms
  /// and more.
  Result<Bytes> decrypt(ByteView ciphertext) const;

  /// The private operation on EMSA-PKCS1-v1_5's layout *without* a DigestInfo: what devices verify (PROTOCOL §2.1).
  Result<Bytes> sign_bare(ByteView digest) const;

private:
  RsaPrivateKey();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drydock::crypto
