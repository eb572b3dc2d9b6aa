#include "crypto/pem.hpp"

#include "base/text.hpp"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/coding.h>

namespace drydock::crypto {

Result<Bytes> public_key_der(std::string_view pem) {
  constexpr std::string_view begin = "-----BEGIN PUBLIC KEY-----";
  constexpr std::string_view end = "-----END PUBLIC KEY-----";
  const auto first = pem.find(begin);
  const auto last = pem.find(end);
  if (first == std::string_view::npos || last == std::string_view::npos || last < first + begin.size())
    return failure(ErrorKind::malformed, "not a public key in PEM form");
  const auto text = pem.substr(first + begin.size(), last - first - begin.size());
  Bytes der(text.size());
  auto size = static_cast<word32>(der.size());
  if (Base64_Decode(reinterpret_cast<const byte*>(text.data()), static_cast<word32>(text.size()), der.data(), &size) !=
      0)
    return failure(ErrorKind::malformed, "not a public key in PEM form");
  der.resize(size);
  return der;
}

}  // namespace drydock::crypto
