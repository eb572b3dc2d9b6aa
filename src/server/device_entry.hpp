// The devices in memory: those that are connected, were a short while ago, or wait for approval. All others are in the
// store alone. Only the event loop touches it.
#pragma once

#include "base/boxed.hpp"
#include "base/token_bucket.hpp"
#include "device/protocol.hpp"
#include "planning/update_policy.hpp"
#include "store/devices.hpp"
#include "store/ownership.hpp"
#include "transport/channel.hpp"
#include "transport/device_id.hpp"

#include <vector>
#include <map>

namespace drydock::server {

struct Transfer {
  planning::Step step;
  std::int64_t step_id = 0;  ///< row in the store
  std::size_t bytes = 0;     ///< arrived at the device
  Clock::time_point began{};
  Clock::time_point moved{};     ///< when `bytes` grew last
  std::size_t bytes_stored = 0;  ///< at the last write of progress
  Clock::time_point stored_at{};
};

/// What people see of a device.
struct DeviceView {
  store::DeviceRow row;
  planning::UpdatePolicy policy;                          ///< what people said of its updates
  std::vector<firmware::InstalledModule> modules_stored;  ///< so that an unchanged Describe is not written again
  planning::Plan plan;                                    ///< from the last Describe
  std::size_t steps_done = 0;                             ///< of the update that runs
  bool step_to_judge = false;                             ///< the store may have one that the next Describe judges
  Boxed<Transfer> transfer;
  bool session_known = false;  ///< over UDP: it can be heard from at any time, connected or not
  std::uint64_t revision = 0;  ///< grows with every change that people can see
};

struct DeviceEntry : DeviceView {
  bool stored = false;                       ///< the store has its row
  transport::Channel* channel = nullptr;     ///< while connected
  device::DeviceProtocol* device = nullptr;  ///< likewise
  std::uint64_t connection = 0;              ///< tells a device's connections apart
  store::Ownership ownership;                ///< of the connection, among machines that share the database
  std::int64_t last_seen = 0;                ///< running time; 0: not in this run
  Clock::time_point left{};                  ///< when its last connection ended

  // What it may make us do. Kept while it comes and goes; who was away for longer begins anew.
  TokenBucket planning_budget{limits::planning_rate};
  TokenBucket history_budget{limits::history_rate};
  TokenBucket row_write_budget{limits::row_write_rate};
  TokenBucket changed_key_budget{limits::changed_key_rate};
  TokenBucket event_budget{limits::event_rate};
  TokenBucket claim_budget{limits::Rate{3, 1}};  ///< claim codes, each of which is looked up
  std::int64_t heard_in = -1;                    ///< store::note_health() was told of
  bool events_dropped = false;                   ///< and said so, since the budget was full
  std::size_t suppressed_lines = 0;
  bool row_unsaved = false;
  bool modules_unsaved = false;
  std::vector<Clock::time_point> replaced;  ///< when a new connection took the place of a living one
};

using Fleet = std::map<transport::DeviceId, DeviceEntry>;

}  // namespace drydock::server
