#include "web/lockout.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::web {
namespace {

constexpr std::size_t remembered = 1000;
constexpr int free_attempts = 3;
constexpr std::int64_t longest = 15 * 60 * 1000;

}  // namespace

Result<void> Lockout::register_attempt(const std::string& who, std::int64_t now) {
  const std::lock_guard lock(mutex_);
  if (failures_.size() >= remembered && !failures_.contains(who)) {
    // The one that has waited longest is forgotten first.
    failures_.erase(std::min_element(failures_.begin(), failures_.end(),
        [](const auto& a, const auto& b) { return a.second.locked_until < b.second.locked_until; }));
  }
  auto& known = failures_[who];
  if (known.locked_until > now)
    return failure(ErrorKind::rate_limited,
        fmt::format("too many wrong tries: wait {} s", (known.locked_until - now + 999) / 1000));
  ++known.count;
  if (known.count < free_attempts) return {};
  const auto doublings = std::min(known.count - free_attempts, 20);
  known.locked_until = now + std::min(longest, std::int64_t{1000} << doublings);
  return {};
}

void Lockout::succeeded(const std::string& who) {
  const std::lock_guard lock(mutex_);
  failures_.erase(who);
}

std::int64_t Lockout::locked_for(const std::string& who, std::int64_t now) const {
  const std::lock_guard lock(mutex_);
  const auto found = failures_.find(who);
  return found == failures_.end() ? 0 : std::max<std::int64_t>(0, found->second.locked_until - now);
}

}  // namespace drydock::web
