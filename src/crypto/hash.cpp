#include "crypto/hash.hpp"

#include <stdexcept>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/hmac.h>

namespace drydock::crypto {

Sha256 sha256(ByteView bytes) {
  Sha256 digest;
  if (wc_Sha256Hash(bytes.data(), static_cast<word32>(bytes.size()), digest.data()) != 0)
    throw std::runtime_error("SHA-256 failed");
  return digest;
}

namespace {

template <class Digest>
Digest hmac_of(int hash, ByteView key, ByteView message) {
  Digest digest;
  Hmac hmac;
  int status = wc_HmacInit(&hmac, nullptr, INVALID_DEVID);
  if (status == 0) status = wc_HmacSetKey(&hmac, hash, key.data(), static_cast<word32>(key.size()));
  if (status == 0) status = wc_HmacUpdate(&hmac, message.data(), static_cast<word32>(message.size()));
  if (status == 0) status = wc_HmacFinal(&hmac, digest.data());
  wc_HmacFree(&hmac);
  if (status != 0) throw std::runtime_error("HMAC failed");
  return digest;
}

}  // namespace

Sha1 hmac_sha1(ByteView key, ByteView message) {
  return hmac_of<Sha1>(WC_SHA, key, message);
}
Sha256 hmac_sha256(ByteView key, ByteView message) {
  return hmac_of<Sha256>(WC_SHA256, key, message);
}

}  // namespace drydock::crypto
