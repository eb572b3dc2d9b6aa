// Rollouts as people begin and steer them, and what a rollout does next. Each function is one change of
// the database; errors are for people.
#pragma once

#include "store/devices.hpp"
#include "store/rollouts.hpp"

#include <string>
#include <vector>

namespace drydock::server {

/// Which devices: those named, or else those of the group or with the label, or else all.
struct Selection {
  std::vector<std::string> devices;  ///< ids, beginnings of them, or names
  std::string group;
  std::string label;
  std::vector<std::string> canaries;  ///< among them; they begin first, and are waited for
};

/// What would happen to a device.
struct PlannedDevice {
  store::DeviceRow row;
  bool canary = false;
  std::vector<planning::Step> steps;
  std::string left_out;     ///< why it is; empty: it is not
  std::string no_way_back;  ///< why it could not be taken back to what it has; empty: it could
  std::string waits;        ///< what it waits for before it begins; empty: its turn only
  std::uint64_t bytes() const;
};
struct RolloutPlan {
  std::string release;
  planning::RolloutRules rules;
  std::vector<PlannedDevice> devices;      ///< in the order in which they would begin
  std::vector<std::size_t> waves() const;  ///< devices that each adds
  /// Milliseconds if all goes well, at what devices take as a rule; closed hours are not counted in.
  std::int64_t expected_time() const;
};

/// Whether the library has a file of this module: by its hash, where that is known.
bool is_in(const firmware::Library& library, std::uint16_t platform, const firmware::ModuleInfo& module);

/// Approved devices of platforms that the release has files for, each planned with what it reported last.
/// ErrorKind::not_found: no such release, group or device; ErrorKind::conflict: files of it are gone.
Result<RolloutPlan> plan_rollout(store::Database& db, const std::string& release, const Selection& selection,
    const planning::RolloutRules& rules, std::int64_t utc_now);
/// The plan's devices that are not left out. Gives the rollout's number. ErrorKind::conflict: there are none, or a
/// canary is left out.
Result<std::int64_t> begin_rollout(store::Database& db, const RolloutPlan& plan, std::int64_t utc_now);

enum class RolloutAction { pause, resume, abort, revert };
/// ErrorKind::not_found, or ErrorKind::conflict when it is too late for it.
/// `force`: to revert at any hour.
Result<store::RolloutRow> steer_rollout(store::Database& db, std::int64_t id, RolloutAction action, bool force = false);

/// With what it wanted of its devices, which follow what else is said of them from then on. ErrorKind::not_found, or
/// ErrorKind::conflict when it is not over.
Result<void> remove_rollout(store::Database& db, std::int64_t id);

struct RolloutLook {
  bool changed = false;
  struct Stopped {
    std::int64_t id = 0;
    std::string release;
    std::string reason;
  };
  std::vector<Stopped> stopped;    ///< by themselves, just now: for people to be told
  bool under_way = false;          ///< there is one that has to be looked at again
  std::vector<std::string> lines;  ///< for the log
};
/// All that are under way, one look each: see planning::advance().
RolloutLook look_at_rollouts(store::Database& db, std::int64_t running_time, std::int64_t utc_now, std::size_t at_once);

}  // namespace drydock::server
