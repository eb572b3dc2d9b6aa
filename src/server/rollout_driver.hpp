// Looks at rollouts again and again while there is one under way, and not at all else.
#pragma once

#include "base/clock.hpp"
#include "server/rollouts.hpp"
#include "store/writer.hpp"

#include <asio/io_context.hpp>

namespace drydock::server {

class RolloutDriver {
public:
  struct Surroundings {
    std::function<std::int64_t()> running_time;
    std::size_t at_once = 1;  ///< devices that begin, where a rollout says nothing of it
    std::function<asio::awaitable<Result<void>>()> apply_changes;  ///< devices have other targets now
    std::function<void(const RolloutLook::Stopped&)> tell;         ///< whoever listens
  };
  /// All must outlive the loop's work.
  RolloutDriver(asio::io_context& loop, store::Writer& writer, Surroundings surroundings);

  /// There may be something new to see.
  void wake();
  /// A device has come to something: looked at soon, if there is a rollout.
  void note_device() {
    if (running_) wake();
  }
  void stop();

private:
  asio::awaitable<void> run();

  asio::io_context& loop_;
  store::Writer& writer_;
  Surroundings surroundings_;
  Timer timer_;
  bool running_ = false;
  bool resting_ = false;
  bool unapplied_ = false;  ///< devices may not know their targets yet
  bool again_ = false;
  bool stopped_ = false;
};

}  // namespace drydock::server
