#include "crypto/aes.hpp"

#include <stdexcept>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/aes.h>

namespace drydock::crypto {
namespace {

// The key schedule is wiped with the object.
struct Cipher {
  Cipher(const AesKey& key, int direction) {
    if (wc_AesInit(&aes, nullptr, INVALID_DEVID) != 0 ||
        wc_AesSetKey(&aes, key.data(), static_cast<word32>(key.size()), nullptr, direction) != 0)
      throw std::runtime_error("AES key set-up failed");
  }
  ~Cipher() { wc_AesFree(&aes); }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;
  Aes aes;
};

void check(int status, std::size_t size) {
  if (status != 0 || size % aes_block != 0) throw std::logic_error("AES-CBC works on whole blocks");
}

}  // namespace

struct Aes128CbcEncryptor::Impl : Cipher {
  explicit Impl(const AesKey& key) : Cipher(key, AES_ENCRYPTION) {}
};
struct Aes128CbcDecryptor::Impl : Cipher {
  explicit Impl(const AesKey& key) : Cipher(key, AES_DECRYPTION) {}
};

Aes128CbcEncryptor::Aes128CbcEncryptor(const AesKey& key) : key_(key) {}
Aes128CbcEncryptor::~Aes128CbcEncryptor() = default;
Aes128CbcEncryptor::Aes128CbcEncryptor(Aes128CbcEncryptor&&) noexcept = default;
void Aes128CbcEncryptor::rest() {
  impl_.reset();
}

void Aes128CbcEncryptor::encrypt(const AesBlock& iv, std::span<std::uint8_t> data) {
  if (!impl_) impl_ = std::make_unique<Impl>(key_.key);
  const auto size = static_cast<word32>(data.size());
  int status = wc_AesSetIV(&impl_->aes, iv.data());
  if (status == 0) status = wc_AesCbcEncrypt(&impl_->aes, data.data(), data.data(), size);
  check(status, size);
}

Aes128CbcDecryptor::Aes128CbcDecryptor(const AesKey& key) : key_(key) {}
Aes128CbcDecryptor::~Aes128CbcDecryptor() = default;
Aes128CbcDecryptor::Aes128CbcDecryptor(Aes128CbcDecryptor&&) noexcept = default;
void Aes128CbcDecryptor::rest() {
  impl_.reset();
}

void Aes128CbcDecryptor::decrypt(const AesBlock& iv, std::span<std::uint8_t> data) {
  if (!impl_) impl_ = std::make_unique<Impl>(key_.key);
  const auto size = static_cast<word32>(data.size());
  int status = wc_AesSetIV(&impl_->aes, iv.data());
  if (status == 0) status = wc_AesCbcDecrypt(&impl_->aes, data.data(), data.data(), size);
  check(status, size);
}

namespace {

// Set up for each record: its 1 kB or so would otherwise be kept twice for every idle session.
struct CcmCipher {
  explicit CcmCipher(const AesKey& key) {
    if (wc_AesInit(&aes, nullptr, INVALID_DEVID) != 0 ||
        wc_AesCcmSetKey(&aes, key.data(), static_cast<word32>(key.size())) != 0)
      throw std::runtime_error("AES key set-up failed");
  }
  ~CcmCipher() { wc_AesFree(&aes); }
  CcmCipher(const CcmCipher&) = delete;
  CcmCipher& operator=(const CcmCipher&) = delete;
  Aes aes;
};

}  // namespace

Bytes aes_ccm_8_seal(const AesKey& key, ByteView nonce, ByteView additional, ByteView plaintext) {
  CcmCipher cipher(key);
  Bytes out(plaintext.size() + ccm_tag_size);
  const int status = wc_AesCcmEncrypt(&cipher.aes, out.data(), plaintext.data(), static_cast<word32>(plaintext.size()),
      nonce.data(), static_cast<word32>(nonce.size()), out.data() + plaintext.size(), ccm_tag_size, additional.data(),
      static_cast<word32>(additional.size()));
  if (status != 0) throw std::logic_error("AES-CCM takes nonces of 12 bytes and records of up to 65535");
  return out;
}

std::optional<Bytes> aes_ccm_8_open(const AesKey& key, ByteView nonce, ByteView additional, ByteView sealed) {
  if (sealed.size() < ccm_tag_size) return std::nullopt;
  const auto size = sealed.size() - ccm_tag_size;
  CcmCipher cipher(key);
  Bytes out(size);
  const int status = wc_AesCcmDecrypt(&cipher.aes, out.data(), sealed.data(), static_cast<word32>(size), nonce.data(),
      static_cast<word32>(nonce.size()), sealed.data() + size, ccm_tag_size, additional.data(),
      static_cast<word32>(additional.size()));
  if (status != 0) return std::nullopt;
  return out;
}

}  // namespace drydock::crypto
