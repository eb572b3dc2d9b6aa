#include "web/password.hpp"

#include <argon2.h>
#include <array>
#include <mutex>
#include <stdexcept>

namespace drydock::web {
namespace {

// 19 MiB and two passes, as OWASP's password storage sheet has it for Argon2id: about a second on the smallest Pi.
constexpr std::uint32_t passes = 2;
constexpr std::uint32_t kibibytes = 19 * 1024;
constexpr std::uint32_t lanes = 1;
constexpr std::size_t hash_size = 32;

std::mutex one_at_a_time;

}  // namespace

std::string hash_password(const std::string& password, const Bytes& salt) {
  const std::lock_guard lock(one_at_a_time);
  std::array<char, 256> encoded{};
  const int failed = argon2id_hash_encoded(passes, kibibytes, lanes, password.data(), password.size(), salt.data(),
      salt.size(), hash_size, encoded.data(), encoded.size());
  if (failed != ARGON2_OK)
    throw std::runtime_error(std::string("the password could not be hashed: ") + argon2_error_message(failed));
  return encoded.data();
}

bool is_password(const std::string& password, const std::string& hash) {
  const std::lock_guard lock(one_at_a_time);
  return argon2id_verify(hash.c_str(), password.data(), password.size()) == ARGON2_OK;
}

}  // namespace drydock::web
