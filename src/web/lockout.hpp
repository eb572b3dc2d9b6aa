// Wrong tries with a password make the next one wait, longer and longer.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace drydock::web {

/// Times are milliseconds of running time. All may be called from any thread.
class Lockout {
public:
  struct Who {
    std::string client;   ///< all of its wrong tries make it wait
    std::string account;  ///< whose right password forgives those for it, and for no other account
  };
  /// ErrorKind::rate_limited: not now.
  Result<void> check(const std::string& client, std::int64_t now) const;
  /// Counts as failed until it has succeeded: many that try at the same time are stopped before their passwords are
  /// looked at, each of which costs a slow hash. As check().
  Result<void> register_attempt(const Who& who, std::int64_t now);
  void succeeded(const Who& who);
  /// For how long this client need not try; 0: it may.
  std::int64_t locked_for(const std::string& client, std::int64_t now) const;

private:
  struct Failures {
    std::map<std::string, int> of_account;
    std::int64_t locked_until = 0;
    int count() const;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Failures> failures_;  ///< by client
};

}  // namespace drydock::web
