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
class AsyncSemaphore {
public:
  explicit AsyncSemaphore(std::size_t permits) : free_(permits) {}

  /// A permit, given back when this is destroyed.
  class Permit {
  public:
    explicit Permit(AsyncSemaphore& semaphore) : semaphore_(&semaphore) {}
    Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (semaphore_) semaphore_->release();
    }

  private:
    AsyncSemaphore* semaphore_;
  };

  /// Whoever waits in the first line goes before everybody in the second.
  enum class Priority { high, low };

  asio::awaitable<Permit> acquire(Priority priority) {
    if (free_ == 0) {
      const auto executor = co_await asio::this_coro::executor;
      const auto called = std::make_shared<Timer>(executor, Clock::time_point::max());
      (priority == Priority::high ? high_ : low_).push_back(called);
      // Whoever leaves hands the place over; free_ does not change.
      (void)co_await called->async_wait(as_result);
      co_return Permit(*this);
    }
    --free_;
    co_return Permit(*this);
  }

private:
  void release() {
    auto& line = high_.empty() ? low_ : high_;
    if (line.empty()) {
      ++free_;
      return;
    }
    line.front()->cancel();
    line.pop_front();
  }

  std::size_t free_;
  std::deque<std::shared_ptr<Timer>> high_, low_;
};

}  // namespace drydock
