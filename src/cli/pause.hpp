// A pause that SIGINT, SIGTERM and, where that is wanted, a key end.
#pragma once

#include "base/asio_tokens.hpp"
#include "base/clock.hpp"

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <unistd.h>

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

  /// Those at the terminal that is the standard input end it too, from now on.
  void end_at(std::string keys) {
    keys_ = std::move(keys);
    terminal_.assign(::dup(STDIN_FILENO));
    await_key();
  }

  /// False: a signal or such a key came, now or before.
  bool take(Clock::duration time) {
    bool over = false;
    timer_.expires_after(time);
    timer_.async_wait([&over](asio::error_code) { over = true; });
    while (!over) loop_.run_one();
    return !ended_;
  }

private:
  void await_key() {
    terminal_.async_wait(asio::posix::stream_descriptor::wait_read, [this](asio::error_code error) {
      char key = 0;
      if (error || ::read(terminal_.native_handle(), &key, 1) != 1) return;  // nobody sits there any more
      if (keys_.find(key) == std::string::npos) return await_key();
      ended_ = true;
      timer_.cancel();
    });
  }

  asio::io_context loop_{1};
  asio::signal_set signals_;
  Timer timer_;
  asio::posix::stream_descriptor terminal_{loop_};
  std::string keys_;
  bool ended_ = false;
};

}  // namespace drydock::cli
