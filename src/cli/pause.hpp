// A pause that SIGINT and SIGTERM end.
#pragma once

#include "base/asio_tokens.hpp"
#include "base/clock.hpp"

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <csignal>

namespace drydock::cli {

class Pause {
public:
  /// From now on these signals end nothing but pauses.
  Pause() : signals_(loop_, SIGINT, SIGTERM), timer_(loop_) {
    signals_.async_wait([this](asio::error_code error, int) {
      ended_ = !error;
      timer_.cancel();
    });
  }

  /// False: a signal came, now or before.
  bool take(Clock::duration time) {
    bool over = false;
    timer_.expires_after(time);
    timer_.async_wait([&over](asio::error_code) { over = true; });
    while (!over) loop_.run_one();
    return !ended_;
  }

private:
  asio::io_context loop_{1};
  asio::signal_set signals_;
  Timer timer_;
  bool ended_ = false;
};

}  // namespace drydock::cli
