#include "crypto/base64.hpp"

#include <stdexcept>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/coding.h>

namespace drydock::crypto {

std::string to_base64(ByteView bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  auto size = static_cast<word32>(text.size());
  if (!bytes.empty() &&
      Base64_Encode_NoNl(
          bytes.data(), static_cast<word32>(bytes.size()), reinterpret_cast<byte*>(text.data()), &size) != 0)
    throw std::runtime_error("Base64 cannot be written");
  text.resize(bytes.empty() ? 0 : size);
  return text;
}

std::optional<Bytes> from_base64(std::string_view text) {
  Bytes bytes(text.size());
  auto size = static_cast<word32>(bytes.size());
  if (!text.empty() &&
      Base64_Decode(
          reinterpret_cast<const byte*>(text.data()), static_cast<word32>(text.size()), bytes.data(), &size) != 0)
    return std::nullopt;
  bytes.resize(text.empty() ? 0 : size);
  return bytes;
}

}  // namespace drydock::crypto
