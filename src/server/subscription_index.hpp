// Which connected devices subscribe to what: an event costs what its own subscribers cost, however many others there
// are.
#pragma once

#include "transport/device_id.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::server {

class SubscriptionIndex {
public:
  /// `prefix`: of event names. Twice is as good as once.
  void add(const std::string& prefix, const transport::DeviceId& device);
  void remove(const transport::DeviceId& device);
  /// Those with a prefix of this name, each once, in the order of their ids.
  std::vector<transport::DeviceId> subscribers(std::string_view name) const;

private:
  std::map<std::string, std::set<transport::DeviceId>, std::less<>> devices_;  ///< by prefix
  std::map<transport::DeviceId, std::set<std::string>> prefixes_;              ///< by device
};

}  // namespace drydock::server
