#include "web/event_log.hpp"

#include "base/limits.hpp"

#include <algorithm>

namespace drydock::web {
namespace {

std::size_t size_of(const server::PublishedEvent& event) {
  return sizeof event + event.name.size() + event.data.size();
}

}  // namespace

void EventLog::append(const server::PublishedEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::make_shared<const server::PublishedEvent>(event));
    bytes_ += size_of(event);
    while (bytes_ > limits::event_log) {
      bytes_ -= size_of(*events_.front());
      events_.pop_front();
      ++first_;
    }
  }
  appended_.notify_all();
}

void EventLog::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  appended_.notify_all();
}

std::uint64_t EventLog::end() const {
  const std::lock_guard lock(mutex_);
  return first_ + events_.size();
}

bool EventLog::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::vector<EventLog::Event> EventLog::read(std::uint64_t& from, std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  const auto end = [this] { return first_ + events_.size(); };
  appended_.wait_for(lock, patience, [&] { return closed_ || end() > from; });
  from = std::max(from, first_);
  std::vector<Event> events(events_.begin() + static_cast<std::ptrdiff_t>(from - first_), events_.end());
  from = end();
  return events;
}

}  // namespace drydock::web
