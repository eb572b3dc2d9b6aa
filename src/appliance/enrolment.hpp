// Who may join those that wait for approval, and who yields: pure decisions, so that no crowd keeps the owner's device out.
#pragma once

#include "appliance/fleet.hpp"

namespace drydock::appliance {

struct Place {
  std::optional<transport::DeviceId> yields;   ///< is forgotten, to make room
  std::string refusal;                         ///< why there is no room; empty: there is
};

/// For a device nobody has seen before, from this address (without port), with this key. Among those of one key or address the oldest
/// that is not connected yields; when all places are taken, one of the address that has most of them.
Place find_place(const Fleet& fleet, const std::string& address, const Bytes& public_key);

/// Those that wait for approval and were not seen for limits::unknown_expires. `running` and `run` are RunningTime::now() and
/// of_this_run().
std::vector<transport::DeviceId> expired(const Fleet& fleet, std::int64_t running, std::int64_t run);

}  // namespace drydock::appliance
