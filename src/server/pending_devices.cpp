#include "server/pending_devices.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::server {
namespace {

using Entry = Fleet::value_type;

// The one that came first; those that are connected only if `connected_too`.
const Entry* oldest(const std::vector<const Entry*>& entries, bool connected_too) {
  const Entry* found = nullptr;
  for (const auto* entry : entries) {
    if (entry->second.channel != nullptr && !connected_too) continue;
    if (found == nullptr || entry->second.row.first_seen < found->second.row.first_seen) found = entry;
  }
  return found;
}

PendingDecision evicted(const Entry* entry, const std::string& otherwise) {
  if (entry == nullptr) return {std::nullopt, otherwise};
  return {entry->first, ""};
}

}  // namespace

PendingDecision decide_pending(const PendingDevices& pending, const std::string& address, const Bytes& public_key) {
  const auto those = [&](auto wanted) {
    std::vector<const Entry*> found;
    std::copy_if(pending.begin(), pending.end(), std::back_inserter(found), wanted);
    return found;
  };
  const auto of_key = those([&](const Entry* e) { return e->second.row.public_key == public_key; });
  if (of_key.size() >= limits::pending_devices_per_key)
    return evicted(
        oldest(of_key, false), fmt::format("{} others with the same key wait for approval already", of_key.size()));
  const auto of_address = those([&](const Entry* e) { return e->second.row.address == address; });
  if (of_address.size() >= limits::pending_devices_per_address)
    return evicted(oldest(of_address, false),
        fmt::format("{} others from {} wait for approval already", of_address.size(), address));
  if (pending.size() < limits::pending_devices) return {};

  std::map<std::string, std::vector<const Entry*>> by_address;
  for (const auto* entry : pending) by_address[entry->second.row.address].push_back(entry);
  const auto most = std::max_element(by_address.begin(), by_address.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  const auto* absent = oldest(most->second, false);
  return evicted(absent != nullptr ? absent : oldest(most->second, true), "");
}

std::vector<transport::DeviceId> expired(const PendingDevices& pending, std::int64_t running, std::int64_t run) {
  // Behind a start everybody has time to come back.
  constexpr std::int64_t grace = 60 * 60 * 1000;
  constexpr auto longest = std::chrono::milliseconds(limits::pending_device_expiry).count();
  std::vector<transport::DeviceId> list;
  if (run < grace) return list;
  for (const auto* device : pending)
    if (const auto& entry = device->second;
        entry.channel == nullptr && running - std::max(entry.row.enrolled, entry.last_seen) >= longest)
      list.push_back(device->first);
  return list;
}

}  // namespace drydock::server
