// Passwords as Argon2id hashes. Slow on purpose, and one at a time: many that log in cost the memory of one.
#pragma once

#include "base/bytes.hpp"

#include <string>

namespace drydock::web {

/// The encoded hash, with its salt and parameters.
std::string hash_password(const std::string& password, const Bytes& salt);
inline constexpr std::size_t salt_size = 16;
bool is_password(const std::string& password, const std::string& hash);

}  // namespace drydock::web
