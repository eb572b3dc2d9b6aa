// Between two looks whether another machine has let go of a device: short at first, and not for ever.
#pragma once

#include "base/asio_tokens.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

namespace drydock::server {

class HandoverPause {
public:
  explicit HandoverPause(asio::io_context& loop) : timer_(loop) {}

  /// False, at once: it has taken too long already.
  asio::awaitable<bool> next() {
    if (Clock::now() >= latest_) co_return false;
    timer_.expires_after(pause_);
    pause_ = std::min<Clock::duration>(2 * pause_, limits::handover_longest_pause);
    (void)co_await timer_.async_wait(as_result);
    co_return true;
  }

private:
  Timer timer_;
  const Clock::time_point latest_ = Clock::now() + limits::handover_timeout;
  Clock::duration pause_ = limits::handover_pause;
};

}  // namespace drydock::server
