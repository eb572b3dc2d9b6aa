// Somebody who fails to come in may try a thousand times a minute; a person wants to read it once.
#pragma once

#include "base/clock.hpp"

#include <map>
#include <string>

namespace drydock::server {

class RejectionLog {
public:
  /// Whether this should be written down: the same words about the same address at most once in ten minutes.
  bool should_log(const std::string& address, const std::string& words) {
    using namespace std::chrono_literals;
    constexpr auto quiet = 10min;
    constexpr std::size_t remembered = 1'000;
    const auto now = Clock::now();
    if (last_.size() >= remembered)
      std::erase_if(last_, [&](const auto& entry) { return now - entry.second >= quiet; });
    // With so many at once, silence is better than a log full of them.
    if (last_.size() >= remembered) return false;
    const auto [entry, is_new] = last_.try_emplace(address + ' ' + words, now);
    if (!is_new && now - entry->second < quiet) return false;
    entry->second = now;
    return true;
  }

private:
  std::map<std::string, Clock::time_point> last_;
};

}  // namespace drydock::server
