// How long work waits for its turn on the event loop. While something happens, a job is always in the queue whose
// waiting is measured; while nothing does, nothing is, and nobody is woken.
#pragma once

#include "base/clock.hpp"
#include "base/metrics.hpp"

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <memory>

namespace drydock {

class LoopDelay {
public:
  explicit LoopDelay(asio::io_context& loop) : loop_(loop) {}

  /// On the loop: something has happened.
  void sample() {
    if (std::exchange(state_->queued, true)) return;
    asio::post(loop_, [state = state_, asked = Clock::now()] {
      state->queued = false;
      const auto now = Clock::now();
      if (now - state->minute_began >= std::chrono::minutes(1)) {
        state->last_minute =
            now - state->minute_began < std::chrono::minutes(2) ? state->this_minute : Clock::duration{};
        state->this_minute = {};
        state->minute_began = now;
      }
      state->this_minute = std::max(state->this_minute, now - asked);
      delays_.observe(std::chrono::duration<double>(now - asked).count());
    });
  }

  /// The longest of the last one to two minutes in which something happened.
  Clock::duration longest() const { return std::max(state_->this_minute, state_->last_minute); }

private:
  static constexpr std::array bounds{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5};
  static inline metrics::Histogram delays_{
      "drydock_event_loop_delay_seconds", "How long work waited for its turn on the event loop.", bounds};

  // A job may be left in the queue of a loop that runs no more.
  struct State {
    bool queued = false;
    Clock::time_point minute_began{};
    Clock::duration this_minute{};
    Clock::duration last_minute{};
  };
  asio::io_context& loop_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace drydock
