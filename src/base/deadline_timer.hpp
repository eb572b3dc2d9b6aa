// Cancels something that has not come to an end in time. Moving the deadline is one store: the timer re-arms itself
// lazily, because a session moves its deadline at every message and almost none of them is ever reached.
#pragma once

#include "base/clock.hpp"

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>

namespace drydock {

class DeadlineTimer {
public:
  DeadlineTimer(asio::any_io_executor executor, std::function<void()> on_expiry);
  ~DeadlineTimer();
  DeadlineTimer(const DeadlineTimer&) = delete;
  DeadlineTimer& operator=(const DeadlineTimer&) = delete;

  /// From now on the deadline is `deadline`, earlier or later than before. `on_expiry` runs at most once for it.
  void set(Clock::time_point deadline);

  /// Nothing is watched until the next set().
  void cancel() { set(Clock::time_point::max()); }

private:
  struct State;
  static void arm(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace drydock
