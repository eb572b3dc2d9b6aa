// SHA-256 for files and fingerprints; HMAC-SHA1 because the lightssl handshake is made of it (PROTOCOL §2.1),
// HMAC-SHA256 because TLS 1.2 derives its keys with it.
#pragma once

#include "base/bytes.hpp"

#include <array>

namespace drydock::crypto {

using Sha256 = std::array<std::uint8_t, 32>;
using Sha1 = std::array<std::uint8_t, 20>;

Sha256 sha256(ByteView bytes);
Sha1 hmac_sha1(ByteView key, ByteView message);
Sha256 hmac_sha256(ByteView key, ByteView message);

}  // namespace drydock::crypto
