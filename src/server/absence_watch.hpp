// Tells who listens of devices that have been away for some minutes, which a reset or an update is not, and of their
// coming back.
#pragma once

#include "base/clock.hpp"
#include "server/events.hpp"
#include "store/writer.hpp"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

namespace drydock::server {

class AbsenceWatch {
public:
  /// `minutes`: how long one may be away; 0: nobody is watched. `alone`: no other machine shares the database. All must
  /// outlive the loop's work.
  AbsenceWatch(asio::io_context& loop, store::Writer& writer, int minutes, bool alone,
      std::function<void(const PublishedEvent&)> publish);

  /// When devices may come.
  void start();
  void stop();

private:
  asio::awaitable<void> run();
  /// Since the last look, by how much the clock was set; milliseconds.
  std::int64_t clock_jump();

  asio::io_context& loop_;
  store::Writer& writer_;
  std::chrono::minutes longest_;
  bool alone_;
  Clock::time_point looked_at_{};
  std::int64_t looked_at_utc_ = 0;
  std::function<void(const PublishedEvent&)> publish_;
  Timer timer_;
  bool stopped_ = false;
};

}  // namespace drydock::server
