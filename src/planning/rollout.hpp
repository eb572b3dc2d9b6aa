// A release spreads over many devices in waves, and stops by itself when it is bad: what happens next, from what each
// device has come to and the time. Pure functions; the server calls them again and again (server/rollouts), the
// simulation with a thousand fleets (tests/sim/rollouts).
#pragma once

#include "base/result.hpp"
#include "planning/maintenance_window.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::planning {

/// Up to how many devices, counted from the first, a wave goes: a number, or a share of all.
struct Wave {
  unsigned size = 0;
  bool percent = false;
  bool operator==(const Wave&) const = default;
};

/// Times in milliseconds.
struct RolloutRules {
  std::vector<Wave> waves{{1, false}, {5, true}, {25, true}, {100, true}};  ///< the last one is always all
  std::int64_t soak = 600'000;  ///< how long a device must stay connected, out of safe mode, with what it was sent
  std::int64_t lost_after = 1'800'000;  ///< one that went away in the middle has failed then
  unsigned failure_percent = 5;         ///< of those begun; more stop it
  unsigned failures = 2;    ///< so many must have failed before a share counts; in the first wave one will do
  unsigned restarts = 3;    ///< more reconnections than this within the soak are a loop of resets
  unsigned at_once = 0;     ///< devices under way at a time; 0: as many as the caller says
  unsigned per_minute = 0;  ///< that begin; 0: no limit
  std::uint64_t bytes_per_second = 0;  ///< sent to all of its devices together; 0: no limit
  bool downgrade = false;              ///< devices that have something newer get it too
  bool forced = false;                 ///< also devices whose application disabled updates
  WindowWords window;                  ///< nothing is sent at other times
  std::string health_event;            ///< devices must publish an event whose name begins so; empty: none
  bool operator==(const RolloutRules&) const = default;
};

/// "1, 5%, 25%, all". ErrorKind::malformed for what does not grow, or is no number.
Result<std::vector<Wave>> parse_waves(std::string_view words);
std::string wave_words(const std::vector<Wave>& waves);
/// Devices begun at the end of it.
std::size_t wave_end(const RolloutRules& rules, std::size_t wave, std::size_t devices);

/// How many devices each wave adds. `canaries`: they are the first one.
std::vector<std::size_t> wave_sizes(const RolloutRules& rules, std::size_t devices, std::size_t canaries);
/// How long it takes if all goes well and every device is there, when one device takes `per_device`.
std::int64_t expected_time(
    const RolloutRules& rules, std::size_t devices, std::size_t canaries, std::int64_t per_device, std::size_t at_once);

enum class DeviceStage {
  waiting,    ///< is sent nothing by this rollout
  begun,      ///< the release is its target
  soaking,    ///< reports to have all of it
  healthy,    ///< and stayed well for the time of the soak
  failed,     ///< for `words`; is sent nothing more
  reverting,  ///< what it had before is its target
  reverted,   ///< and what it reports to have; it stays its target, for what was under way may still arrive
};
enum class RolloutStage {
  running,
  paused,     ///< by a person: nothing begins, what has begun goes on
  stopped,    ///< by itself, for `words`
  done,       ///< every device is healthy, or has failed
  aborted,    ///< by a person: nothing begins any more
  reverting,  ///< every device that had begun goes back
  reverted,
};

struct RolloutDevice {
  std::string id;
  DeviceStage stage = DeviceStage::waiting;
  bool canary = false;  ///< begins before others
  std::size_t wave = 0;
  std::int64_t begun_at = 0;
  std::int64_t verified_at = 0;
  std::int64_t well_since = 0;     ///< since it was verified, or connected anew behind that
  std::int64_t away_since = 0;     ///< 0: connected
  std::int64_t reconnections = 0;  ///< when it was looked at last
  unsigned restarts = 0;           ///< since it was verified
  std::string words;               ///< why it failed
  bool operator==(const RolloutDevice&) const = default;
};

struct Rollout {
  RolloutRules rules;
  RolloutStage stage = RolloutStage::running;
  std::size_t wave = 0;      ///< the one under way
  std::string words;         ///< why it stopped
  std::size_t forgiven = 0;  ///< failures that a person has seen and gone on behind
  std::vector<RolloutDevice> devices;
};

/// How a device is, as the store has it.
struct Standing {
  bool connected = false;
  std::int64_t reconnections = 0;  ///< how often it came anew, which no restart of the service counts as
  bool safe_mode = false;
  bool settled = true;         ///< nothing more is to be sent to it, assets included
  bool has_release = false;    ///< reports every module of it that is for its platform
  bool has_previous = false;   ///< reports what it had before the rollout
  std::int64_t heard_in = -1;  ///< `reconnections` when it published the event of its health last; -1: never
  bool was_sent = false;       ///< something of an update, since the rollout was made
  bool may_begin = true;       ///< nobody holds it back; its hours, and those of the rollout, are open
  std::string left_out;        ///< why the release is not for it, now; empty: it is
  std::string given_up;        ///< why nothing more is tried with it; empty: it may still come to it
};

/// One look, in place, with the running time, which no jump of a wall clock moves: which devices proved well or failed,
/// whether the rollout stops, what begins. `standings` are those of `rollout.devices`, in the same order. `at_once`:
/// where the rules say nothing of it: what has begun is not called back when a rollout stops. True when anything
/// changed.
bool advance(Rollout& rollout, const std::vector<Standing>& standings, std::int64_t now, std::size_t at_once);

/// Devices that are sent something at a time so that each gets on at all.
std::size_t devices_at_rate(std::uint64_t bytes_per_second);

/// Those that have begun and were sent nothing wait again.
void recall_unsent(Rollout& rollout, const std::vector<Standing>& standings);

/// By a person. ErrorKind::conflict when it is too late for it, or needless.
Result<void> pause_rollout(Rollout& rollout);
/// Also one that stopped by itself: what failed is not held against it again.
Result<void> resume_rollout(Rollout& rollout);
Result<void> abort_rollout(Rollout& rollout);
Result<void> revert_rollout(Rollout& rollout);

/// For people and for the store.
std::string_view stage_name(DeviceStage stage);
std::string_view stage_name(RolloutStage stage);
DeviceStage device_stage(std::string_view name);
RolloutStage rollout_stage(std::string_view name);

}  // namespace drydock::planning
