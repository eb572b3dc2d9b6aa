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
  /// Counts as failed until it has succeeded: many that try at the same time are stopped before their passwords are
  /// looked at, each of which costs a slow hash. ErrorKind::rate_limited: not now. `who`: whom tries are counted for.
  Result<void> register_attempt(const std::string& who, std::int64_t now);
  void succeeded(const std::string& who);
  /// For how long this one need not try; 0: it may.
  std::int64_t locked_for(const std::string& who, std::int64_t now) const;

private:
  struct Failures {
    int count = 0;
    std::int64_t locked_until = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Failures> failures_;
};

}  // namespace drydock::web
