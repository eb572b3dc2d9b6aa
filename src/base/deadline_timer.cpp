#include "base/deadline_timer.hpp"

namespace drydock {

struct DeadlineTimer::State {
  State(asio::any_io_executor executor, std::function<void()> f)
      : timer(std::move(executor)), on_expiry(std::move(f)) {}
  Timer timer;
  std::function<void()> on_expiry;
  Clock::time_point deadline = Clock::time_point::max();
  bool armed = false;
};

DeadlineTimer::DeadlineTimer(asio::any_io_executor executor, std::function<void()> on_expiry)
    : state_(std::make_shared<State>(std::move(executor), std::move(on_expiry))) {}

DeadlineTimer::~DeadlineTimer() {
  state_->on_expiry = nullptr;
  state_->timer.cancel();
}

void DeadlineTimer::set(Clock::time_point deadline) {
  state_->deadline = deadline;
  if (deadline == Clock::time_point::max()) return;
  if (!state_->armed || deadline < state_->timer.expiry()) arm(state_);
}

// The wait holds the state alive: one that already fired may still be queued when the timer dies.
void DeadlineTimer::arm(std::shared_ptr<State> state) {
  state->armed = true;
  state->timer.expires_at(state->deadline);
  state->timer.async_wait([state](asio::error_code error) {
    if (error || !state->on_expiry) return;
    state->armed = false;
    if (state->deadline == Clock::time_point::max()) return;
    if (Clock::now() < state->deadline) return arm(state);
    state->deadline = Clock::time_point::max();
    state->on_expiry();
  });
}

}  // namespace drydock
