// A release on its way to many devices: see planning/rollout.hpp for what becomes of each.
#pragma once

#include "planning/rollout.hpp"
#include "planning/standing_target.hpp"
#include "store/releases.hpp"

#include <map>
#include <optional>

namespace drydock::store {

struct RolloutRow {
  std::int64_t id = 0;
  std::string release;
  std::int64_t created = 0;  ///< UTC milliseconds
  planning::Rollout rollout;
  std::vector<std::string> names = {};   ///< of its devices, in their order, as people call them; may be empty
  std::vector<std::string> states = {};  ///< in words, of those that are under way
};

/// Gives the new one's id.
std::int64_t add_rollout(Database& db, const RolloutRow& row);
std::optional<RolloutRow> load_rollout(Database& db, std::int64_t id);
/// Without their devices, the latest first.
std::vector<RolloutRow> load_rollouts(Database& db, int limit);
/// Without their devices: those that stopped by themselves and wait for a person.
std::vector<RolloutRow> load_stopped_rollouts(Database& db);
/// How many there are of each stage.
std::map<std::string, std::int64_t> count_rollouts(Database& db);
/// Of the `latest` that are not over: how many devices of each stage.
struct RolloutDeviceCount {
  std::int64_t rollout = 0;
  std::string release;
  std::string stage;
  std::int64_t devices = 0;
};
std::vector<RolloutDeviceCount> count_rollout_devices(Database& db, int latest);
/// Those of which devices may still come to something.
std::vector<std::int64_t> rollouts_under_way(Database& db);
/// One that the device is in and that is not over.
std::optional<std::int64_t> rollout_under_way_of(Database& db, const std::string& device_id);
/// A later one that has, or is about to have, devices that this one reached.
std::optional<std::int64_t> newer_rollout(Database& db, std::int64_t id);
/// An earlier one that has devices which this one reached.
std::optional<std::int64_t> older_rollout(Database& db, std::int64_t id);
/// What its devices had in slots that it changed.
struct PreviousModule {
  std::string device_id;
  std::uint16_t platform = 0;
  firmware::ModuleInfo module;
};
std::vector<PreviousModule> load_previous_modules(Database& db, std::int64_t id);
/// Whether there ever was one of this release.
bool is_rolled_out(Database& db, const std::string& release);
void save_rollout(Database& db, const RolloutRow& row);
/// Those of its devices that differ from `before`.
void save_rollout_devices(Database& db, const RolloutRow& row, const std::vector<planning::RolloutDevice>& before);

/// What the device has in the slots that the release fills: what it goes back to.
void save_previous_modules(Database& db, std::int64_t rollout, const std::string& device_id,
    const std::vector<firmware::LibraryModule>& release);

/// Fills in `states` of those that wait: for whom or what.
void say_why_they_wait(Database& db, RolloutRow& row, std::int64_t utc_now);

/// How the rollout's devices are, in their order. `utc_now`: by the clock, for the hours in which they may begin.
std::vector<planning::Standing> load_standings(Database& db, const RolloutRow& row, std::int64_t utc_now);

/// What the latest rollout that reached the device wants of it.
struct RolloutOrders {
  std::int64_t id = 0;  ///< 0: there is none
  bool failed = false;  ///< the device: it is sent what it needs, and nothing more
  std::vector<planning::Target> targets;
  planning::WindowWords window;        ///< while something of it may be sent
  std::string health_event;            ///< that it waits for, from this device
  std::uint64_t bytes_per_second = 0;  ///< likewise; 0: any
};
/// One that is not over and has not begun with the device yet.
struct AwaitedRollout {
  std::int64_t id = 0;
  std::string stage;  ///< planning::stage_name()
};
std::optional<AwaitedRollout> load_awaited_rollout(Database& db, const std::string& device_id);
RolloutOrders load_rollout_orders(Database& db, const std::string& device_id);
/// The device has published the event of its health, while it had connected `reconnections` times.
void note_health(Database& db, std::int64_t rollout, const std::string& device_id, std::int64_t reconnections);
/// With what it wanted of its devices. False when it is not over, or there is none.
bool remove_rollout(Database& db, std::int64_t id);

}  // namespace drydock::store
