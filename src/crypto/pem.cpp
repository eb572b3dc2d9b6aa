#include "crypto/pem.hpp"

#include "crypto/base64.hpp"

#include <utility>

namespace drydock::crypto {

Result<Bytes> public_key_der(std::string_view pem) {
  constexpr std::string_view begin = "-----BEGIN PUBLIC KEY-----";
  constexpr std::string_view end = "-----END PUBLIC KEY-----";
  const auto first = pem.find(begin);
  const auto last = pem.find(end);
  if (first == std::string_view::npos || last == std::string_view::npos || last < first + begin.size())
    return failure(ErrorKind::malformed, "not a public key in PEM form");
  const auto text = pem.substr(first + begin.size(), last - first - begin.size());
  auto der = from_base64(text);
  if (!der) return failure(ErrorKind::malformed, "not a public key in PEM form");
  return std::move(*der);
}

}  // namespace drydock::crypto
