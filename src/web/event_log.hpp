// The events of the last moments, for streams that read at their own pace. What a reader is too slow for is gone for
// it, and costs nobody else anything. For one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace drydock::web {

/// Which events somebody wants.
struct EventFilter {
  std::string prefix;  ///< of names
  std::string device;  ///< that published it; empty: any, and programs
};

class EventLog {
public:
  struct Event {
    std::string name;
    std::string device;  ///< empty: a program
    std::string text;    ///< as streams have it
  };

  void append(Event event);
  /// Behind the last event.
  std::uint64_t end() const { return first_ + events_.size(); }
  /// The texts of those from `from` on that are wanted and still there, until they are `enough` bytes; `from` is then
  /// behind what was looked at.
  std::string read(std::uint64_t& from, const EventFilter& filter, std::size_t enough) const;

private:
  std::deque<Event> events_;
  std::uint64_t first_ = 0;  ///< number of the first one that is there
  std::size_t bytes_ = 0;
};

}  // namespace drydock::web
