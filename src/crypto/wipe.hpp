// Overwrites secrets in a way the compiler may not leave out.
#pragma once

#include <cstdint>
#include <span>
#include <string.h>

namespace drydock::crypto {

inline void wipe(std::span<std::uint8_t> secret) {
  if (!secret.empty()) ::explicit_bzero(secret.data(), secret.size());
}

}  // namespace drydock::crypto
