// Lets a bounded number of coroutines in at a time; the others wait in one of two lines.
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

  /// Whoever waits in the first line goes before everybody in the second.
  enum class Line { first, second };

  asio::awaitable<Pass> enter(Line line) {
    if (free_ == 0) {
      const auto executor = co_await asio::this_coro::executor;
      const auto called = std::make_shared<Timer>(executor, Clock::time_point::max());
      (line == Line::first ? first_ : second_).push_back(called);
      // Whoever leaves hands the place over; free_ does not change.
      (void)co_await called->async_wait(as_result);
      co_return Pass(*this);
    }
    --free_;
    co_return Pass(*this);
  }

private:
  void leave() {
    auto& line = first_.empty() ? second_ : first_;
    if (line.empty()) {
      ++free_;
      return;
    }
    line.front()->cancel();
    line.pop_front();
  }

  std::size_t free_;
  std::deque<std::shared_ptr<Timer>> first_, second_;
};

}  // namespace drydock
