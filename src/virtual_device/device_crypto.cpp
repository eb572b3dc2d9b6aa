#include "virtual_device/device_crypto.hpp"

#include <algorithm>
#include <stdexcept>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/rsa.h>

namespace drydock::virtual_device {
namespace {

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

struct Rsa {
  Rsa() {
    require(wc_InitRsaKey(&key, nullptr) == 0 && wc_InitRng(&rng) == 0, "virtual device: RSA set-up");
    wc_RsaSetRNG(&key, &rng);
  }
  explicit Rsa(ByteView spki) : Rsa() {
    word32 at = 0;
    require(wc_RsaPublicKeyDecode(spki.data(), &at, &key, static_cast<word32>(spki.size())) == 0,
        "virtual device: server key");
  }
  ~Rsa() {
    wc_FreeRsaKey(&key);
    wc_FreeRng(&rng);
  }
  Rsa(const Rsa&) = delete;
  Rsa& operator=(const Rsa&) = delete;
  RsaKey key;
  WC_RNG rng;
};

}  // namespace

Bytes sha256(ByteView bytes) {
  Bytes digest(32);
  wc_Sha256Hash(bytes.data(), static_cast<word32>(bytes.size()), digest.data());
  return digest;
}

struct DeviceKey::Impl : Rsa {};

DeviceKey::DeviceKey() : impl_(std::make_unique<Impl>()) {
  require(wc_MakeRsaKey(&impl_->key, 1024, 65537, &impl_->rng) == 0, "virtual device: key generation");
}

DeviceKey::DeviceKey(ByteView der) : impl_(std::make_unique<Impl>()) {
  word32 at = 0;
  require(wc_RsaPrivateKeyDecode(der.data(), &at, &impl_->key, static_cast<word32>(der.size())) == 0,
      "virtual device: private key");
}

DeviceKey DeviceKey::from_pem(ByteView pem) {
  Bytes der(pem.size());
  const int size =
      wc_KeyPemToDer(pem.data(), static_cast<int>(pem.size()), der.data(), static_cast<int>(der.size()), nullptr);
  require(size > 0, "virtual device: private key");
  return DeviceKey(ByteView(der).first(static_cast<std::size_t>(size)));
}

DeviceKey::DeviceKey(DeviceKey&&) noexcept = default;
DeviceKey& DeviceKey::operator=(DeviceKey&&) noexcept = default;
DeviceKey::~DeviceKey() = default;

Bytes DeviceKey::public_key_spki() const {
  Bytes der(512);
  const int size = wc_RsaKeyToPublicDer(&impl_->key, der.data(), static_cast<word32>(der.size()));
  require(size > 0, "virtual device: public key");
  der.resize(static_cast<std::size_t>(size));
  return der;
}

std::optional<Bytes> DeviceKey::decrypt(ByteView ciphertext) const {
  Bytes out(128);
  const int size = wc_RsaPrivateDecrypt(ciphertext.data(), static_cast<word32>(ciphertext.size()), out.data(),
      static_cast<word32>(out.size()), &impl_->key);
  if (size < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Bytes encrypt_for_server(ByteView server_spki, ByteView plaintext) {
  Rsa server(server_spki);
  Bytes out(256);
  const int size = wc_RsaPublicEncrypt(plaintext.data(), static_cast<word32>(plaintext.size()), out.data(),
      static_cast<word32>(out.size()), &server.key, &server.rng);
  require(size == 256, "virtual device: encryption");
  return out;
}

bool server_signed(ByteView server_spki, ByteView signature, ByteView credentials, ByteView ciphertext) {
  Rsa server(server_spki);
  Bytes expected(WC_SHA_DIGEST_SIZE);
  Hmac hmac;
  require(wc_HmacInit(&hmac, nullptr, INVALID_DEVID) == 0, "virtual device: HMAC");
  wc_HmacSetKey(&hmac, WC_SHA, credentials.data(), static_cast<word32>(credentials.size()));
  wc_HmacUpdate(&hmac, ciphertext.data(), static_cast<word32>(ciphertext.size()));
  wc_HmacFinal(&hmac, expected.data());
  wc_HmacFree(&hmac);
  Bytes found(256);
  const int size = wc_RsaSSL_Verify(signature.data(), static_cast<word32>(signature.size()), found.data(),
      static_cast<word32>(found.size()), &server.key);
  return size == static_cast<int>(expected.size()) && std::equal(expected.begin(), expected.end(), found.begin());
}

struct DeviceCipher::Impl {
  Aes encrypting;
  Aes decrypting;
  Bytes iv;
};

DeviceCipher::DeviceCipher(ByteView key, ByteView iv) : impl_(std::make_unique<Impl>()) {
  impl_->iv.assign(iv.begin(), iv.end());
  require(wc_AesInit(&impl_->encrypting, nullptr, INVALID_DEVID) == 0 &&
          wc_AesInit(&impl_->decrypting, nullptr, INVALID_DEVID) == 0,
      "virtual device: AES");
  require(wc_AesSetKey(&impl_->encrypting, key.data(), 16, nullptr, AES_ENCRYPTION) == 0, "virtual device: AES key");
  require(wc_AesSetKey(&impl_->decrypting, key.data(), 16, nullptr, AES_DECRYPTION) == 0, "virtual device: AES key");
}

DeviceCipher::~DeviceCipher() {
  wc_AesFree(&impl_->encrypting);
  wc_AesFree(&impl_->decrypting);
}

Bytes DeviceCipher::seal(ByteView message) {
  const std::size_t padded = (message.size() & ~std::size_t{15}) + 16;
  Bytes plain(message.begin(), message.end());
  plain.resize(padded, static_cast<std::uint8_t>(padded - message.size()));
  Bytes cipher(padded);
  wc_AesSetIV(&impl_->encrypting, impl_->iv.data());
  require(wc_AesCbcEncrypt(&impl_->encrypting, cipher.data(), plain.data(), static_cast<word32>(padded)) == 0,
      "virtual device: AES");
  impl_->iv.assign(cipher.begin(), cipher.begin() + 16);
  Bytes frame;
  put_be16(frame, static_cast<std::uint16_t>(padded));
  append(frame, cipher);
  return frame;
}

std::optional<Bytes> DeviceCipher::open(ByteView cipher) {
  if (cipher.empty() || cipher.size() % 16 != 0) return std::nullopt;
  Bytes plain(cipher.size());
  wc_AesSetIV(&impl_->decrypting, impl_->iv.data());
  if (wc_AesCbcDecrypt(&impl_->decrypting, plain.data(), cipher.data(), static_cast<word32>(cipher.size())) != 0)
    return std::nullopt;
  impl_->iv.assign(cipher.begin(), cipher.begin() + 16);
  const std::size_t padding = plain.back();
  if (padding == 0 || padding > 16) return std::nullopt;
  plain.resize(plain.size() - padding);
  return plain;
}

}  // namespace drydock::virtual_device
