// Public keys as text: PEM of SubjectPublicKeyInfo (RFC 7468 §13).
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <string_view>

namespace drydock::crypto {

/// The DER in "-----BEGIN PUBLIC KEY-----"; ErrorKind::malformed. Whether it is a key is for others to say.
Result<Bytes> public_key_der(std::string_view pem);

}  // namespace drydock::crypto
