// The events of the last moments, for streams that read at their own pace: written by the loop, read by any thread.
// What a reader is too slow for is gone for it, and costs nobody else anything.
#pragma once

#include "server/events.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace drydock::web {

class EventLog {
public:
  using Event = std::shared_ptr<const server::PublishedEvent>;

  void append(const server::PublishedEvent& event);
  /// Everything that waits comes back, now and from now on.
  void close();

  /// Behind the last event.
  std::uint64_t end() const;
  /// Those from `from` on that are still there, once there is one or `patience` is over; `from` is then behind them.
  std::vector<Event> read(std::uint64_t& from, std::chrono::milliseconds patience) const;
  bool closed() const;

private:
  mutable std::mutex mutex_;
  mutable std::condition_variable appended_;
  std::deque<Event> events_;
  std::uint64_t first_ = 0;  ///< number of the first one that is there
  std::size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace drydock::web
