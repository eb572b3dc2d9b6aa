// When tokens were used last: known at once, written down about once an hour.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace drydock::web {

/// For any thread. Times are UTC milliseconds, tokens their ids.
class TokenUses {
public:
  void note(std::int64_t id, std::int64_t at) {
    constexpr std::int64_t hour = 3600 * 1000;
    const std::lock_guard lock(mutex_);
    auto& use = uses_[id];
    use.last = at;
    if (at - use.written >= hour) due_ = true;
  }
  /// Those to be written, if any; they count as written.
  std::vector<std::pair<std::int64_t, std::int64_t>> take_due() {
    if (!due_) return {};
    const std::lock_guard lock(mutex_);
    due_ = false;
    std::vector<std::pair<std::int64_t, std::int64_t>> list;
    for (auto& [id, use] : uses_)
      if (use.last != use.written) list.emplace_back(id, use.written = use.last);
    return list;
  }
  /// 0: not since the service started.
  std::int64_t last(std::int64_t id) const {
    const std::lock_guard lock(mutex_);
    const auto found = uses_.find(id);
    return found == uses_.end() ? 0 : found->second.last;
  }
  void forget(std::int64_t id) {
    const std::lock_guard lock(mutex_);
    uses_.erase(id);
  }

private:
  struct Use {
    std::int64_t last = 0;
    std::int64_t written = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::int64_t, Use> uses_;
  std::atomic<bool> due_{false};
};

}  // namespace drydock::web
