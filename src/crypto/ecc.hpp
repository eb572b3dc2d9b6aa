// Elliptic curves as Particle's UDP devices use them: P-256 (secp256r1) only, ECDSA over SHA-256, ECDH.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <memory>
#include <string>

namespace drydock::crypto {

inline constexpr std::size_t ec_spki_size = 91;   ///< SubjectPublicKeyInfo of P-256 with an uncompressed point
inline constexpr std::size_t ec_point_size = 65;  ///< 04 ‖ x ‖ y
inline constexpr std::size_t ec_scalar_size = 32;

/// The point that a SubjectPublicKeyInfo of P-256 holds, not looked at any further: enough to tell two keys apart.
std::optional<ByteView> ec_point_in(ByteView spki);

class EcPublicKey {
public:
  /// SubjectPublicKeyInfo, DER, in the one form there is for a named curve and an uncompressed point; trailing bytes
  /// are allowed (devices pad with 0xff). ErrorKind::malformed for anything else, and for a point that is not on the
  /// curve.
  static Result<EcPublicKey> from_spki(ByteView der);
  /// 65 bytes.
  static Result<EcPublicKey> from_point(ByteView point);

  EcPublicKey(EcPublicKey&&) noexcept;
  EcPublicKey& operator=(EcPublicKey&&) noexcept;
  ~EcPublicKey();

  Bytes point() const;
  Bytes spki() const;
  /// `signature` is DER: SEQUENCE { r, s }.
  bool verify(ByteView digest, ByteView signature) const;

private:
  friend class EcPrivateKey;
  EcPublicKey();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class EcPrivateKey {
public:
  static EcPrivateKey generate();
  /// SEC1 or PKCS#8, DER or PEM, without a pass phrase. ErrorKind::malformed when it is no P-256 key.
  static Result<EcPrivateKey> parse(ByteView der_or_pem);
  /// From 32 bytes of randomness, big-endian; ErrorKind::malformed for 0 and for what is not below the curve's order,
  /// which happens once in 2^32 draws.
  static Result<EcPrivateKey> from_scalar(ByteView scalar);

  EcPrivateKey(EcPrivateKey&&) noexcept;
  EcPrivateKey& operator=(EcPrivateKey&&) noexcept;
  ~EcPrivateKey();

  std::string to_pem() const;  ///< SEC1, as `openssl ecparam -genkey` writes it
  Bytes public_point() const;
  Bytes public_key_spki() const;
  std::string public_key_pem() const;

  /// DER. Not reproducible: ECDSA draws a number for each signature.
  Bytes sign(ByteView digest) const;
  /// The x coordinate of the common point, 32 bytes.
  Result<Bytes> shared_secret(const EcPublicKey& peer) const;

private:
  EcPrivateKey();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// wolfCrypt keeps tables of points it met, some 12 MB in the end; they make operations three times as fast. Gives them
/// back when many handshakes are over.
void release_ec_tables();

}  // namespace drydock::crypto
