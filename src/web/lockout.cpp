#include "web/lockout.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::web {
namespace {

constexpr std::size_t remembered = 1000;
constexpr int free_attempts = 3;
constexpr std::int64_t longest = 15 * 60 * 1000;

}  // namespace

int Lockout::Failures::count() const {
  int count = 0;
  for (const auto& [account, failed] : of_account) count += failed;
  return count;
}

Result<void> Lockout::check(const std::string& client, std::int64_t now) const {
  const auto wait = locked_for(client, now);
  if (wait == 0) return {};
  return failure(ErrorKind::rate_limited, fmt::format("too many wrong tries: wait {} s", (wait + 999) / 1000));
}

Result<void> Lockout::register_attempt(const Who& who, std::int64_t now) {
  if (auto may = check(who.client, now); !may) return may;
  const std::lock_guard lock(mutex_);
  if (failures_.size() >= remembered && !failures_.contains(who.client)) {
    // The one that has waited longest is forgotten first.
    failures_.erase(std::min_element(failures_.begin(), failures_.end(),
        [](const auto& a, const auto& b) { return a.second.locked_until < b.second.locked_until; }));
  }
  auto& known = failures_[who.client];
  if (known.locked_until > now)
    return failure(ErrorKind::rate_limited, "too many tries at the same time: wait a second");
  ++known.of_account[who.account];
  if (known.count() < free_attempts) return {};
  const auto doublings = std::min(known.count() - free_attempts, 20);
  known.locked_until = now + std::min(longest, std::int64_t{1000} << doublings);
  return {};
}

void Lockout::succeeded(const Who& who) {
  const std::lock_guard lock(mutex_);
  const auto found = failures_.find(who.client);
  if (found == failures_.end()) return;
  auto& known = found->second;
  known.of_account.erase(who.account);
  if (known.of_account.empty())
    failures_.erase(found);
  else if (known.count() < free_attempts)
    known.locked_until = 0;
}

std::int64_t Lockout::locked_for(const std::string& client, std::int64_t now) const {
  const std::lock_guard lock(mutex_);
  const auto found = failures_.find(client);
  return found == failures_.end() ? 0 : std::max<std::int64_t>(0, found->second.locked_until - now);
}

}  // namespace drydock::web
