#include "server/subscription_index.hpp"

#include <algorithm>

namespace drydock::server {

void SubscriptionIndex::add(const std::string& prefix, const transport::DeviceId& device) {
  if (prefixes_[device].insert(prefix).second) devices_[prefix].insert(device);
}

void SubscriptionIndex::remove(const transport::DeviceId& device) {
  const auto known = prefixes_.find(device);
  if (known == prefixes_.end()) return;
  for (const auto& prefix : known->second) {
    const auto found = devices_.find(prefix);
    found->second.erase(device);
    if (found->second.empty()) devices_.erase(found);
  }
  prefixes_.erase(known);
}

std::vector<transport::DeviceId> SubscriptionIndex::subscribers(std::string_view name) const {
  std::vector<transport::DeviceId> devices;
  for (std::size_t length = 0; length <= name.size(); ++length)
    if (const auto found = devices_.find(name.substr(0, length)); found != devices_.end())
      devices.insert(devices.end(), found->second.begin(), found->second.end());
  std::sort(devices.begin(), devices.end());
  devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
  return devices;
}

}  // namespace drydock::server
