// Where devices stand that somebody waits for: as the database of this machine says, or a Drydock elsewhere.
#pragma once

#include "base/result.hpp"
#include "cli/commands.hpp"
#include "store/devices.hpp"
#include "store/rollouts.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace drydock::cli {

struct WaitedDevice {
  store::DeviceRow row;  ///< of one elsewhere: id, name, approval, connected, and what shown_state() is made of
  bool needs_nothing = false;
  std::optional<store::AwaitedRollout> rollout = {};
};

struct WaitedDevices {
  std::vector<WaitedDevice> devices;
  bool running = true;  ///< the service
  bool paused = false;  ///< all updates
};

/// Each call looks anew. ErrorKind::closed and ErrorKind::rate_limited: it may go another time.
using WaitedSource = std::function<Result<WaitedDevices>()>;

/// ErrorKind::not_found, malformed: of what was chosen.
Result<WaitedSource> devices_here(const Context& context, const DeviceSelection& chosen);
/// By the API of the Drydock at `remote.url`, with a token of the scope `read`.
Result<WaitedSource> devices_elsewhere(const RemoteDrydock& remote, const DeviceSelection& chosen);

}  // namespace drydock::cli
