#include "web/event_log.hpp"

#include "base/limits.hpp"

#include <algorithm>

namespace drydock::web {
namespace {

std::size_t size_of(const EventLog::Event& event) {
  return sizeof event + event.name.size() + event.device.size() + event.text.size();
}

}  // namespace

void EventLog::append(Event event) {
  bytes_ += size_of(event);
  events_.push_back(std::move(event));
  while (bytes_ > limits::event_log) {
    bytes_ -= size_of(events_.front());
    events_.pop_front();
    ++first_;
  }
}

std::string EventLog::read(std::uint64_t& from, const EventFilter& filter, std::size_t enough) const {
  std::string text;
  for (from = std::max(from, first_); from < end() && text.size() < enough; ++from) {
    const auto& event = events_[static_cast<std::size_t>(from - first_)];
    if ((filter.device.empty() || event.device == filter.device) && event.name.starts_with(filter.prefix))
      text += event.text;
  }
  return text;
}

}  // namespace drydock::web
