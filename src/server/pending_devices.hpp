// Who may join those that wait for approval, and who is evicted: pure decisions, so that no number of others keeps the
// owner's device out.
#pragma once

#include "server/device_entry.hpp"

namespace drydock::server {

/// Those of the fleet that wait for approval.
using PendingDevices = std::vector<const Fleet::value_type*>;

struct PendingDecision {
  std::optional<transport::DeviceId> evicted;  ///< is forgotten, to make room
  std::string refusal;                         ///< why there is no room; empty: there is
};

/// For a device nobody has seen before, from this address (without port), with this key. Among those of one key or
/// address the oldest that is not connected is evicted; when all places are taken, one of the address that has most of
/// them.
PendingDecision decide_pending(const PendingDevices& pending, const std::string& address, const Bytes& public_key);

/// Those that wait for approval and were not seen for limits::pending_device_expiry. `running` and `run` are
/// ServiceUptime::now() and of_this_run().
std::vector<transport::DeviceId> expired(const PendingDevices& pending, std::int64_t running, std::int64_t run);

}  // namespace drydock::server
