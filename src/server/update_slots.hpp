// Who may be sent a module now: so many at a time, the others in the order in which they came.
#pragma once

#include "transport/device_id.hpp"

#include <algorithm>
#include <deque>
#include <vector>

namespace drydock::server {

class UpdateSlots {
public:
  explicit UpdateSlots(int at_once) : at_once_(at_once), free_(at_once) {}

  /// Takes a slot when one is free that nobody further ahead is waiting for.
  bool try_acquire(const transport::DeviceId& id) {
    const auto place = std::find(queue_.begin(), queue_.end(), id);
    if (free_ <= place - queue_.begin()) return false;
    if (place != queue_.end()) queue_.erase(place);
    --free_;
    return true;
  }
  /// Only for devices that may be sent something now: those that pause and are woken all the same would wake each other
  /// without end.
  void enqueue(const transport::DeviceId& id) {
    if (std::find(queue_.begin(), queue_.end(), id) == queue_.end()) queue_.push_back(id);
  }
  void release() { ++free_; }

  std::size_t queued() const { return queue_.size(); }
  int taken() const { return at_once_ - free_; }

  /// The device wants no slot any more.
  void dequeue(const transport::DeviceId& id) { std::erase(queue_, id); }

  /// Those for whom a slot is free now. They stay queued until they take it or leave.
  std::vector<transport::DeviceId> ready() const {
    const auto count = std::min(queue_.size(), static_cast<std::size_t>(std::max(free_, 0)));
    return {queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count)};
  }

private:
  int at_once_;
  int free_;
  std::deque<transport::DeviceId> queue_;
};

}  // namespace drydock::server
