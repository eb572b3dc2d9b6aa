// The one clock of the program. Tests switch it to manual and move it by hand; nothing else changes.
#pragma once

#include <asio/basic_waitable_timer.hpp>
#include <asio/wait_traits.hpp>
#include <chrono>
#include <cstdint>

namespace drydock {

struct Clock {
  using duration = std::chrono::steady_clock::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept {
    return manual ? manual_now : time_point{std::chrono::steady_clock::now().time_since_epoch()};
  }

  static inline bool manual = false;
  static inline time_point manual_now{};
  static inline std::int64_t manual_wall_jump = 0;  ///< milliseconds by which the wall clock of a manual clock is off
  static inline time_point manual_next = time_point::max();  ///< earliest expiry the reactor asked about
};

/// Milliseconds since 1970, UTC: what the database keeps. Follows the manual clock when there is one.
inline std::int64_t utc_milliseconds() {
  using namespace std::chrono;
  constexpr std::int64_t manual_epoch = 1'700'000'000'000;
  if (Clock::manual)
    return manual_epoch + Clock::manual_wall_jump +
        duration_cast<milliseconds>(Clock::manual_now.time_since_epoch()).count();
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace drydock

// A manual clock tells the reactor "ask again at once", so every poll() compares expiries with Clock::now().
template <>
struct asio::wait_traits<drydock::Clock> {
  static drydock::Clock::duration to_wait_duration(const drydock::Clock::duration& d) {
    if (!drydock::Clock::manual) return d;
    drydock::Clock::manual_next = drydock::Clock::manual_now + d;
    return drydock::Clock::duration::zero();
  }
  static drydock::Clock::duration to_wait_duration(const drydock::Clock::time_point& t) {
    return to_wait_duration(t - drydock::Clock::now());
  }
};

namespace drydock {
using Timer = asio::basic_waitable_timer<Clock>;
}
