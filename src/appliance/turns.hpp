// Who may be sent a module now: so many at a time, the others in the order in which they came.
#pragma once

#include "transport/device_id.hpp"

#include <algorithm>
#include <deque>
#include <vector>

namespace drydock::appliance {

class Turns {
public:
  explicit Turns(int at_once) : free_(at_once) {}

  /// Takes a turn when one is free that nobody further ahead is waiting for.
  bool take(const transport::DeviceId& id) {
    const auto place = std::find(line_.begin(), line_.end(), id);
    if (free_ <= place - line_.begin()) return false;
    if (place != line_.end()) line_.erase(place);
    --free_;
    return true;
  }
  /// Only for devices that may be sent something now: those that pause and are called all the same would call each other
  /// without end.
  void stand_in_line(const transport::DeviceId& id) {
    if (std::find(line_.begin(), line_.end(), id) == line_.end()) line_.push_back(id);
  }
  void give_back() { ++free_; }

  /// The device wants no turn any more.
  void leave_line(const transport::DeviceId& id) { std::erase(line_, id); }

  /// Those for whom a turn is free now. They stay in line until they take it or leave.
  std::vector<transport::DeviceId> called() const {
    const auto count = std::min(line_.size(), static_cast<std::size_t>(std::max(free_, 0)));
    return {line_.begin(), line_.begin() + static_cast<std::ptrdiff_t>(count)};
  }

private:
  int free_;
  std::deque<transport::DeviceId> line_;
};

}  // namespace drydock::appliance
