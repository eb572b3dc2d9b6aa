// Lets a bounded number of coroutines in at a time; the others wait in line.
#pragma once

#include "base/asio_tokens.hpp"
#include "base/clock.hpp"

#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>
#include <deque>
#include <memory>
#include <utility>

namespace drydock {

/// For one event loop. Must outlive its passes.
class Turnstile {
public:
  explicit Turnstile(std::size_t places) : free_(places) {}

  /// A place, given back when the pass is destroyed.
  class Pass {
  public:
    explicit Pass(Turnstile& turnstile) : turnstile_(&turnstile) {}
    Pass(Pass&& other) noexcept : turnstile_(std::exchange(other.turnstile_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() { if (turnstile_) turnstile_->leave(); }

  private:
    Turnstile* turnstile_;
  };

  asio::awaitable<Pass> enter() {
    if (free_ == 0 || !line_.empty()) {
      const auto executor = co_await asio::this_coro::executor;
      const auto called = std::make_shared<Timer>(executor, Clock::time_point::max());
      line_.push_back(called);
      // Whoever leaves hands the place over; free_ does not change.
      (void)co_await called->async_wait(as_result);
      co_return Pass(*this);
    }
    --free_;
    co_return Pass(*this);
  }

  std::size_t waiting() const { return line_.size(); }

private:
  void leave() {
    if (line_.empty()) {
      ++free_;
      return;
    }
    line_.front()->cancel();
    line_.pop_front();
  }

  std::size_t free_;
  std::deque<std::shared_ptr<Timer>> line_;
};

}  // namespace drydock
