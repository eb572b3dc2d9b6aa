// Base64 (RFC 4648 §4).
#pragma once

#include "base/bytes.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace drydock::crypto {

/// In one line.
std::string to_base64(ByteView bytes);
/// Nothing: it is none.
std::optional<Bytes> from_base64(std::string_view text);

}  // namespace drydock::crypto
