#include "crypto/ecc.hpp"

#include <algorithm>
#include <array>
#include <malloc.h>
#include <mutex>
#include <stdexcept>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>

namespace drydock::crypto {
namespace {

constexpr int curve = ECC_SECP256R1;

// SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT STRING } up to the point.
constexpr std::array<std::uint8_t, ec_spki_size - ec_point_size> spki_head{0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

struct Key {
  Key() {
    if (wc_ecc_init(&ecc) != 0) throw std::runtime_error("EC key set-up failed");
  }
  ~Key() { wc_ecc_free(&ecc); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  ecc_key ecc;
};

word32 size_of(ByteView bytes) {
  return static_cast<word32>(bytes.size());
}

Bytes spki_of(ByteView point) {
  Bytes der(spki_head.begin(), spki_head.end());
  append(der, point);
  return der;
}

Bytes point_of(ecc_key& key) {
  Bytes point(ec_point_size);
  auto size = size_of(point);
  if (wc_ecc_export_x963(&key, point.data(), &size) != 0 || size != ec_point_size)
    throw std::runtime_error("EC public key could not be encoded");
  return point;
}

std::string pem_of(const Bytes& der, int type) {
  Bytes pem(der.size() * 2 + 256);
  const int size = wc_DerToPem(der.data(), size_of(der), pem.data(), size_of(pem), type);
  if (size <= 0) throw std::runtime_error("EC key could not be written as PEM");
  return std::string(pem.begin(), pem.begin() + size);
}

// The curve has cofactor 1: a point on it is a good public key. (wc_ecc_check_key also multiplies it by the order,
// which costs more than the rest of a handshake.)
bool on_curve(ecc_key& key) {
  const auto* curve_parameters = wc_ecc_get_curve_params(key.idx);
  mp_int a, b, prime;
  if (curve_parameters == nullptr || mp_init_multi(&a, &b, &prime, nullptr, nullptr, nullptr) != MP_OKAY) return false;
  const bool good = mp_read_radix(&a, curve_parameters->Af, MP_RADIX_HEX) == MP_OKAY &&
      mp_read_radix(&b, curve_parameters->Bf, MP_RADIX_HEX) == MP_OKAY &&
      mp_read_radix(&prime, curve_parameters->prime, MP_RADIX_HEX) == MP_OKAY &&
      wc_ecc_is_point(&key.pubkey, &a, &b, &prime) == MP_OKAY;
  mp_clear(&a);
  mp_clear(&b);
  mp_clear(&prime);
  return good;
}

}  // namespace

struct EcPublicKey::Impl : Key {};

EcPublicKey::EcPublicKey() : impl_(std::make_unique<Impl>()) {}
EcPublicKey::EcPublicKey(EcPublicKey&&) noexcept = default;
EcPublicKey& EcPublicKey::operator=(EcPublicKey&&) noexcept = default;
EcPublicKey::~EcPublicKey() = default;

std::optional<ByteView> ec_point_in(ByteView spki) {
  if (spki.size() < ec_spki_size || !std::equal(spki_head.begin(), spki_head.end(), spki.begin())) return std::nullopt;
  return spki.subspan(spki_head.size(), ec_point_size);
}

Result<EcPublicKey> EcPublicKey::from_spki(ByteView der) {
  const auto point = ec_point_in(der);
  if (!point) return failure(ErrorKind::malformed, "not a P-256 public key");
  return from_point(*point);
}

Result<EcPublicKey> EcPublicKey::from_point(ByteView point) {
  constexpr std::uint8_t uncompressed = 4;
  if (point.size() != ec_point_size || point[0] != uncompressed)
    return failure(ErrorKind::malformed, "not an uncompressed point of P-256");
  EcPublicKey key;
  auto& ecc = key.impl_->ecc;
  if (wc_ecc_import_x963_ex(point.data(), size_of(point), &ecc, curve) != 0 || !on_curve(ecc))
    return failure(ErrorKind::malformed, "the point is not on the curve P-256");
  return key;
}

Bytes EcPublicKey::point() const {
  return point_of(impl_->ecc);
}
Bytes EcPublicKey::spki() const {
  return spki_of(point());
}

bool EcPublicKey::verify(ByteView digest, ByteView signature) const {
  int good = 0;
  const int status =
      wc_ecc_verify_hash(signature.data(), size_of(signature), digest.data(), size_of(digest), &good, &impl_->ecc);
  return status == 0 && good == 1;
}

// The generator blinds and draws the signatures' numbers; one operation at a time.
struct EcPrivateKey::Impl : Key {
  Impl() {
    if (wc_InitRng(&rng) != 0) throw std::runtime_error("no random numbers from the operating system");
    wc_ecc_set_rng(&ecc, &rng);
  }
  ~Impl() { wc_FreeRng(&rng); }
  WC_RNG rng;
  std::mutex mutex;
};

EcPrivateKey::EcPrivateKey() : impl_(std::make_unique<Impl>()) {}
EcPrivateKey::EcPrivateKey(EcPrivateKey&&) noexcept = default;
EcPrivateKey& EcPrivateKey::operator=(EcPrivateKey&&) noexcept = default;
EcPrivateKey::~EcPrivateKey() = default;

EcPrivateKey EcPrivateKey::generate() {
  EcPrivateKey key;
  if (wc_ecc_make_key_ex(&key.impl_->rng, ec_scalar_size, &key.impl_->ecc, curve) != 0)
    throw std::runtime_error("an EC key could not be generated");
  return key;
}

Result<EcPrivateKey> EcPrivateKey::parse(ByteView der_or_pem) {
  Bytes der(der_or_pem.begin(), der_or_pem.end());
  if (text_of(der).starts_with("-----")) {
    const int size = wc_KeyPemToDer(
        der_or_pem.data(), static_cast<int>(der_or_pem.size()), der.data(), static_cast<int>(der.size()), nullptr);
    if (size <= 0) return failure(ErrorKind::malformed, "not an EC private key in PEM form");
    der.resize(static_cast<std::size_t>(size));
  }
  EcPrivateKey key;
  word32 index = 0;
  auto& ecc = key.impl_->ecc;
  if (wc_EccPrivateKeyDecode(der.data(), &index, &ecc, size_of(der)) != 0 || wc_ecc_get_curve_id(ecc.idx) != curve)
    return failure(ErrorKind::malformed, "not a P-256 private key");
  // The public half that stands beside it is worked out anew: it may be damaged, or another's.
  const auto stated = ecc.type == ECC_PRIVATEKEY ? key.public_key_spki() : Bytes();
  if (wc_ecc_make_pub_ex(&ecc, nullptr, &key.impl_->rng) != 0)
    return failure(ErrorKind::malformed, "not a P-256 private key");
  release_ec_tables();  // some threads would keep them for good
  if (!stated.empty() && stated != key.public_key_spki())
    return failure(ErrorKind::malformed, "a damaged P-256 private key");
  return key;
}

Result<EcPrivateKey> EcPrivateKey::from_scalar(ByteView scalar) {
  EcPrivateKey key;
  auto& ecc = key.impl_->ecc;
  if (scalar.size() != ec_scalar_size ||
      wc_ecc_import_private_key_ex(scalar.data(), size_of(scalar), nullptr, 0, &ecc, curve) != 0 ||
      wc_ecc_make_pub_ex(&ecc, nullptr, &key.impl_->rng) != 0 || wc_ecc_check_key(&ecc) != 0)
    return failure(ErrorKind::malformed, "not a private key of P-256");
  return key;
}

std::string EcPrivateKey::to_pem() const {
  Bytes der(256);
  const int size = wc_EccKeyToDer(&impl_->ecc, der.data(), size_of(der));
  if (size <= 0) throw std::runtime_error("EC private key could not be encoded");
  der.resize(static_cast<std::size_t>(size));
  return pem_of(der, ECC_PRIVATEKEY_TYPE);
}

Bytes EcPrivateKey::public_point() const {
  return point_of(impl_->ecc);
}
Bytes EcPrivateKey::public_key_spki() const {
  return spki_of(public_point());
}
std::string EcPrivateKey::public_key_pem() const {
  return pem_of(public_key_spki(), PUBLICKEY_TYPE);
}

Bytes EcPrivateKey::sign(ByteView digest) const {
  Bytes signature(ECC_MAX_SIG_SIZE);
  auto size = size_of(signature);
  const std::lock_guard lock(impl_->mutex);
  if (wc_ecc_sign_hash(digest.data(), size_of(digest), signature.data(), &size, &impl_->rng, &impl_->ecc) != 0)
    throw std::runtime_error("EC signature failed");
  signature.resize(size);
  return signature;
}

Result<Bytes> EcPrivateKey::shared_secret(const EcPublicKey& peer) const {
  Bytes secret(ec_scalar_size);
  auto size = size_of(secret);
  const std::lock_guard lock(impl_->mutex);
  if (wc_ecc_shared_secret(&impl_->ecc, &peer.impl_->ecc, secret.data(), &size) != 0 || size != ec_scalar_size)
    return failure(ErrorKind::malformed, "no common secret with this key");
  return secret;
}

void release_ec_tables() {
#ifdef FP_ECC
  wc_ecc_fp_free();
#endif
  ::malloc_trim(0);
}

}  // namespace drydock::crypto
