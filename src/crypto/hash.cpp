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

Sha1 hmac_sha1(ByteView key, ByteView message) {
  Sha1 digest;
  Hmac hmac;
  int status = wc_HmacInit(&hmac, nullptr, INVALID_DEVID);
  if (status == 0) status = wc_HmacSetKey(&hmac, WC_SHA, key.data(), static_cast<word32>(key.size()));
  if (status == 0) status = wc_HmacUpdate(&hmac, message.data(), static_cast<word32>(message.size()));
  if (status == 0) status = wc_HmacFinal(&hmac, digest.data());
  wc_HmacFree(&hmac);
  if (status != 0) throw std::runtime_error("HMAC-SHA1 failed");
  return digest;
}

}  // namespace drydock::crypto
