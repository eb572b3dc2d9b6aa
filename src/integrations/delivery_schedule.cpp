#include "integrations/delivery_schedule.hpp"

#include "base/limits.hpp"

#include <algorithm>

namespace drydock::integrations {

bool DeliverySchedule::failed(
    Clock::time_point now, std::int64_t attempts, std::optional<Clock::duration> asked_to_wait) {
  under_way_ = false;
  if (attempts >= limits::delivery_attempts) {
    urgent_not_before_ = not_before_ = now;
    return true;
  }
  const Clock::duration longest = limits::longest_delivery_pause;
  const auto pause = std::min<Clock::duration>(retry_ * (std::int64_t{1} << (attempts - 1)), longest);
  urgent_not_before_ = not_before_ = now + std::min(std::max(pause, asked_to_wait.value_or(pause)), longest);
  return false;
}

void DeliverySchedule::resume(Clock::time_point now, std::int64_t attempts) {
  constexpr int most_doublings = 2;
  fresh_ = false;
  if (attempts > 0)
    urgent_not_before_ = not_before_ =
        now + retry_ * (std::int64_t{1} << std::min<std::int64_t>(attempts - 1, most_doublings));
}

}  // namespace drydock::integrations
