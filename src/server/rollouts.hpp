// Releases and rollouts as people begin and steer them, and what a rollout does next. Each function is one change of
// the database; errors are for people.
#pragma once

#include "store/devices.hpp"
#include "store/rollouts.hpp"

#include <string>
#include <vector>

namespace drydock::server {

/// From files of the library, by name or the beginning of their SHA-256. ErrorKind::conflict: there is one of that
/// name, or two files fill one slot of a platform; ErrorKind::malformed: no usable name.
Result<store::ReleaseRow> create_release(store::Database& db, const std::string& name,
    const std::vector<std::string>& files, const std::string& notes, std::int64_t utc_now);
/// ErrorKind::conflict when it was ever rolled out.
Result<void> remove_release(store::Database& db, const std::string& name);

/// Which devices: those named, or else those of the group, or else all.
struct Selection {
  std::vector<std::string> devices;  ///< ids, beginnings of them, or names
  std::string group;
  std::vector<std::string> canaries;  ///< among them; they begin first, and are waited for
};

/// What would happen to a device.
struct PlannedDevice {
  store::DeviceRow row;
  bool canary = false;
  std::vector<planning::Step> steps;
  std::string left_out;     ///< why it is; empty: it is not
  std::string no_way_back;  ///< why it could not be taken back to what it has; empty: it could
  std::uint64_t bytes() const;
};
struct RolloutPlan {
  std::string release;
  planning::RolloutRules rules;
  std::vector<PlannedDevice> devices;  ///< in the order in which they would begin
};

/// Approved devices of platforms that the release has files for, each planned with what it reported last.
/// ErrorKind::not_found: no such release, group or device; ErrorKind::conflict: files of it are gone.
Result<RolloutPlan> plan_rollout(store::Database& db, const std::string& release, const Selection& selection,
    const planning::RolloutRules& rules, bool downgrade);
/// The plan's devices that are not left out. Gives the rollout's number. ErrorKind::conflict: there are none, or a
/// canary is left out.
Result<std::int64_t> begin_rollout(store::Database& db, const RolloutPlan& plan, std::int64_t utc_now);

enum class RolloutAction { pause, resume, abort, revert };
/// ErrorKind::not_found, or ErrorKind::conflict when it is too late for it.
Result<store::RolloutRow> steer_rollout(store::Database& db, std::int64_t id, RolloutAction action);

struct RolloutLook {
  bool changed = false;
  bool under_way = false;          ///< there is one that has to be looked at again
  std::vector<std::string> lines;  ///< for the log
};
/// All that are under way, one look each: see planning::advance().
RolloutLook look_at_rollouts(store::Database& db, std::int64_t running_time, std::int64_t utc_now, std::size_t at_once);

}  // namespace drydock::server
