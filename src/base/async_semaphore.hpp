// Lets a bounded number of coroutines in at a time; the others wait in one of two queues.
#pragma once

#include "base/asio_tokens.hpp"
#include "base/clock.hpp"

#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>
#include <deque>
#include <memory>
#include <utility>

namespace drydock {

/// For one event loop. Must outlive its permits.
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

  /// Whoever waits with high priority goes before everybody with low priority.
  enum class Priority { high, low };

  asio::awaitable<Permit> acquire(Priority priority) {
    if (free_ == 0) {
      const auto executor = co_await asio::this_coro::executor;
      const auto waiter = std::make_shared<Timer>(executor, Clock::time_point::max());
      (priority == Priority::high ? high_ : low_).push_back(waiter);
      // Whoever releases a permit hands it over; free_ does not change.
      (void)co_await waiter->async_wait(as_result);
      co_return Permit(*this);
    }
    --free_;
    co_return Permit(*this);
  }

private:
  void release() {
    auto& queue = high_.empty() ? low_ : high_;
    if (queue.empty()) {
      ++free_;
      return;
    }
    queue.front()->cancel();
    queue.pop_front();
  }

  std::size_t free_;
  std::deque<std::shared_ptr<Timer>> high_, low_;
};

}  // namespace drydock
