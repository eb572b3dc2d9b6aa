// How often something may be done: so many at once, and then so many a minute. For work that others can cause, each
// with a budget of their own, so that nobody's noise costs more than a known amount.
#pragma once

#include "base/clock.hpp"
#include "base/limits.hpp"

#include <algorithm>
#include <chrono>
#include <map>

namespace drydock {

class TokenBucket {
public:
  explicit TokenBucket(limits::Rate rate) : rate_(rate), left_(rate.burst) {}

  /// Spends one; false when there is none left.
  bool take(Clock::time_point now) {
    refill(now);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

  /// When there is one again; now, when there is one.
  Clock::time_point next(Clock::time_point now) {
    refill(now);
    if (left_ >= 1) return now;
    const auto minutes = (1 - left_) / rate_.per_minute;
    return now + std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double, std::ratio<60>>(minutes));
  }

  /// Nothing was taken for so long that it is as good as new.
  bool full(Clock::time_point now) const {
    return left_ + std::chrono::duration<double, std::ratio<60>>(now - filled_).count() * rate_.per_minute >=
        rate_.burst;
  }

private:
  void refill(Clock::time_point now) {
    if (now > filled_)
      left_ = std::min(
          rate_.burst, left_ + std::chrono::duration<double, std::ratio<60>>(now - filled_).count() * rate_.per_minute);
    filled_ = now;
  }

  limits::Rate rate_;
  double left_;
  Clock::time_point filled_ = Clock::now();
};

/// One budget for each of many, of whom a bounded number is remembered.
template <class Key>
class TokenBuckets {
public:
  TokenBuckets(limits::Rate rate, std::size_t remembered) : rate_(rate), remembered_(remembered) {}

  /// False when this one has none left; also when more than can be remembered ask at the same time.
  bool take(const Key& key, Clock::time_point now) {
    const auto known = budgets_.find(key);
    if (known != budgets_.end()) return known->second.take(now);
    if (budgets_.size() >= remembered_)
      std::erase_if(budgets_, [&](const auto& entry) { return entry.second.full(now); });
    if (budgets_.size() >= remembered_) return false;
    return budgets_.emplace(key, TokenBucket(rate_)).first->second.take(now);
  }

private:
  limits::Rate rate_;
  std::size_t remembered_;
  std::map<Key, TokenBucket> budgets_;
};

}  // namespace drydock
