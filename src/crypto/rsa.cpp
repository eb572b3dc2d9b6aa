#include "crypto/rsa.hpp"

#include "crypto/wipe.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>
#include <vector>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/rsa.h>

namespace drydock::crypto {
namespace {

constexpr long public_exponent = 65537;  // the only one devices assume (PROTOCOL §8.1)

struct Key {
  Key() {
    if (wc_InitRsaKey(&rsa, nullptr) != 0) throw std::runtime_error("RSA key set-up failed");
  }
  ~Key() { wc_FreeRsaKey(&rsa); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  std::size_t size() { return static_cast<std::size_t>(wc_RsaEncryptSize(&rsa)); }
  RsaKey rsa;
};

Bytes spki_of(RsaKey& key) {
  Bytes der(static_cast<std::size_t>(wc_RsaEncryptSize(&key)) + 64);
  const int size = wc_RsaKeyToPublicDer(&key, der.data(), static_cast<word32>(der.size()));
  if (size <= 0) throw std::runtime_error("RSA public key could not be encoded");
  der.resize(static_cast<std::size_t>(size));
  return der;
}

std::string pem_of(const Bytes& der, int type) {
  Bytes pem(der.size() * 2 + 256);
  const int size =
      wc_DerToPem(der.data(), static_cast<word32>(der.size()), pem.data(), static_cast<word32>(pem.size()), type);
  if (size <= 0) throw std::runtime_error("RSA key could not be written as PEM");
  return std::string(pem.begin(), pem.begin() + size);
}

}  // namespace

struct RsaPublicKey::Impl : Key {};

RsaPublicKey::RsaPublicKey() : impl_(std::make_unique<Impl>()) {}
RsaPublicKey::RsaPublicKey(RsaPublicKey&&) noexcept = default;
RsaPublicKey& RsaPublicKey::operator=(RsaPublicKey&&) noexcept = default;
RsaPublicKey::~RsaPublicKey() = default;

Result<RsaPublicKey> RsaPublicKey::from_spki(ByteView der) {
  RsaPublicKey key;
  word32 index = 0;
  if (wc_RsaPublicKeyDecode(der.data(), &index, &key.impl_->rsa, static_cast<word32>(der.size())) != 0)
    return failure(ErrorKind::malformed, "not an RSA public key");
  // Read back once: what cannot be written down again, or has an exponent devices never use, is not let in.
  Bytes modulus(key.size());
  std::array<std::uint8_t, 3> exponent{};
  auto modulus_size = static_cast<word32>(modulus.size());
  auto exponent_size = static_cast<word32>(exponent.size());
  constexpr std::array<std::uint8_t, 3> f4{1, 0, 1};
  if (wc_RsaFlattenPublicKey(&key.impl_->rsa, exponent.data(), &exponent_size, modulus.data(), &modulus_size) != 0 ||
      exponent != f4 || modulus_size == 0)
    return failure(ErrorKind::malformed, "not an RSA public key with the exponent 65537");
  return key;
}

std::size_t RsaPublicKey::size() const {
  return impl_->size();
}

Bytes RsaPublicKey::modulus() const {
  Bytes modulus(size());
  Bytes exponent(16);
  auto modulus_size = static_cast<word32>(modulus.size());
  auto exponent_size = static_cast<word32>(exponent.size());
  if (wc_RsaFlattenPublicKey(&impl_->rsa, exponent.data(), &exponent_size, modulus.data(), &modulus_size) != 0)
    throw std::runtime_error("RSA modulus could not be read");
  modulus.resize(modulus_size);
  return modulus;
}

// The padding is written here, not by wolfCrypt, because its bytes must come from the Random passed in.
Result<Bytes> RsaPublicKey::encrypt(ByteView plaintext, Random& padding) const {
  const auto size = this->size();
  constexpr std::size_t overhead = 11;
  if (plaintext.size() + overhead > size) return failure(ErrorKind::too_large, "too long for this RSA key");
  Bytes block{0x00, 0x02};
  block.resize(size - plaintext.size() - 1);
  padding.fill(std::span(block).subspan(2));
  for (std::size_t i = 2; i < block.size(); ++i)
    while (block[i] == 0) padding.fill(std::span(block).subspan(i, 1));
  block.push_back(0x00);
  append(block, plaintext);

  Bytes out(size);
  const int written = wc_RsaPublicEncrypt_ex(block.data(), static_cast<word32>(size), out.data(),
      static_cast<word32>(size), &impl_->rsa, nullptr, WC_RSA_NO_PAD, WC_HASH_TYPE_NONE, 0, nullptr, 0);
  if (written != static_cast<int>(size)) return failure(ErrorKind::internal, "RSA encryption failed");
  return out;
}

namespace {

// wolfCrypt keeps scratch state in the key and blinds with the generator, so one operation at a time.
struct BlindedKey : Key {
  BlindedKey() {
    if (wc_InitRng(&rng) != 0) throw std::runtime_error("no random numbers from the operating system");
    wc_RsaSetRNG(&rsa, &rng);
  }
  ~BlindedKey() { wc_FreeRng(&rng); }
  WC_RNG rng;
};

Bytes private_der_of(RsaKey& key) {
  Bytes der(static_cast<std::size_t>(wc_RsaEncryptSize(&key)) * 8 + 256);
  const int written = wc_RsaKeyToDer(&key, der.data(), static_cast<word32>(der.size()));
  if (written <= 0) throw std::runtime_error("RSA private key could not be encoded");
  wipe(std::span(der).subspan(static_cast<std::size_t>(written)));
  der.resize(static_cast<std::size_t>(written));
  return der;
}

}  // namespace

struct RsaPrivateKey::Impl : BlindedKey {
  bool fits_its_public_half() {
    const Bytes probe{'p', 'r', 'o', 'b', 'e'};
    Bytes sealed(size()), opened(size());
    const int written = wc_RsaPublicEncrypt(
        probe.data(), static_cast<word32>(probe.size()), sealed.data(), static_cast<word32>(sealed.size()), &rsa, &rng);
    if (written != static_cast<int>(sealed.size())) return false;
    const int read = wc_RsaPrivateDecrypt(
        sealed.data(), static_cast<word32>(sealed.size()), opened.data(), static_cast<word32>(opened.size()), &rsa);
    return read == static_cast<int>(probe.size()) && std::equal(probe.begin(), probe.end(), opened.begin());
  }

  // A copy of the key for each thread that works with it at the same time; one that nobody needed is never made.
  template <class Work>
  auto with_copy(const Work& work) {
    auto copy = take();
    auto result = work(*copy);
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(copy));
    return result;
  }

  std::unique_ptr<BlindedKey> take() {
    const std::lock_guard lock(mutex);
    if (!idle.empty()) {
      auto copy = std::move(idle.back());
      idle.pop_back();
      return copy;
    }
    auto copy = std::make_unique<BlindedKey>();
    auto der = private_der_of(rsa);
    word32 index = 0;
    const int status = wc_RsaPrivateKeyDecode(der.data(), &index, &copy->rsa, static_cast<word32>(der.size()));
    wipe(der);
    if (status != 0) throw std::runtime_error("an RSA private key could not be copied");
    return copy;
  }

  std::mutex mutex;
  std::vector<std::unique_ptr<BlindedKey>> idle;
};

RsaPrivateKey::RsaPrivateKey() : impl_(std::make_unique<Impl>()) {}
RsaPrivateKey::RsaPrivateKey(RsaPrivateKey&&) noexcept = default;
RsaPrivateKey& RsaPrivateKey::operator=(RsaPrivateKey&&) noexcept = default;
RsaPrivateKey::~RsaPrivateKey() = default;

RsaPrivateKey RsaPrivateKey::generate(int bits) {
  RsaPrivateKey key;
  if (wc_MakeRsaKey(&key.impl_->rsa, bits, public_exponent, &key.impl_->rng) != 0)
    throw std::runtime_error("an RSA key could not be generated");
  return key;
}

Result<RsaPrivateKey> RsaPrivateKey::parse(ByteView der_or_pem) {
  Bytes der(der_or_pem.begin(), der_or_pem.end());
  if (text_of(der).starts_with("-----")) {
    const int size = wc_KeyPemToDer(
        der_or_pem.data(), static_cast<int>(der_or_pem.size()), der.data(), static_cast<int>(der.size()), nullptr);
    if (size <= 0) return failure(ErrorKind::malformed, "not an RSA private key in PEM form");
    der.resize(static_cast<std::size_t>(size));
  }
  RsaPrivateKey key;
  word32 index = 0;
  if (wc_RsaPrivateKeyDecode(der.data(), &index, &key.impl_->rsa, static_cast<word32>(der.size())) != 0)
    return failure(ErrorKind::malformed, "not an RSA private key");
  if (!key.impl_->fits_its_public_half()) return failure(ErrorKind::malformed, "a damaged RSA private key");
  return key;
}

std::size_t RsaPrivateKey::size() const {
  return impl_->size();
}

std::string RsaPrivateKey::to_pem() const {
  return pem_of(private_der_of(impl_->rsa), PRIVATEKEY_TYPE);
}

Bytes RsaPrivateKey::public_key_spki() const {
  return spki_of(impl_->rsa);
}

std::string RsaPrivateKey::public_key_pem() const {
  return pem_of(public_key_spki(), PUBLICKEY_TYPE);
}

Result<Bytes> RsaPrivateKey::decrypt(ByteView ciphertext) const {
  if (ciphertext.size() != size()) return failure(ErrorKind::malformed, "RSA ciphertext of the wrong length");
  Bytes out(size());
  const int written = impl_->with_copy([&](BlindedKey& key) {
    return wc_RsaPrivateDecrypt(ciphertext.data(), static_cast<word32>(ciphertext.size()), out.data(),
        static_cast<word32>(out.size()), &key.rsa);
  });
  if (written < 0) return failure(ErrorKind::malformed, "RSA decryption found no PKCS#1 padding");
  out.resize(static_cast<std::size_t>(written));
  return out;
}

Result<Bytes> RsaPrivateKey::sign_bare(ByteView digest) const {
  Bytes out(size());
  const int written = impl_->with_copy([&](BlindedKey& key) {
    return wc_RsaSSL_Sign(digest.data(), static_cast<word32>(digest.size()), out.data(),
        static_cast<word32>(out.size()), &key.rsa, &key.rng);
  });
  if (written != static_cast<int>(out.size())) return failure(ErrorKind::internal, "RSA signature failed");
  return out;
}

}  // namespace drydock::crypto
