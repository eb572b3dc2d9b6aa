// The journal of updates: which modules were to be sent to a device, how far each got, how often it was tried.
// A step: planned → sending → sent → verified | failed | superseded.
#pragma once

#include "planning/attempts.hpp"
#include "store/database.hpp"

namespace drydock::store {

struct StepRow {
  std::int64_t id = 0;
  std::string device_id;
  std::int64_t update_number = 0;
  firmware::ModuleKey key;
  std::uint16_t version = 0;
  std::string sha256;         ///< of the file, as sent
  std::string suffix_sha256;  ///< see LibraryModule
  std::optional<std::uint16_t> from_version;
  std::string reason;
  std::string state;
  std::uint32_t bytes_total = 0;
  std::uint32_t bytes_acknowledged = 0;  ///< that the device is known to have
  std::int64_t planned_at = 0;           ///< UTC milliseconds, as the other two
  std::int64_t started_at = 0;           ///< 0: not yet
  std::int64_t finished_at = 0;
  std::string error;
  bool confirmed = true;  ///< of a sent one: the device said that it has everything
};

/// The step of this device that is sending or sent and not yet judged. At most one.
std::optional<StepRow> step_in_flight(Database& db, const std::string& device_id);

/// Likewise, or the newest one if it failed: the device may have it all the same, and only its Describe says.
std::optional<StepRow> step_to_judge(Database& db, const std::string& device_id);
/// How many steps of the update that runs the device was seen to have.
std::size_t verified_steps(Database& db, const std::string& device_id);

void mark_verified(Database& db, const StepRow& step, std::int64_t now);
/// Counts no attempt: that was done when the step began.
void mark_failed(Database& db, const StepRow& step, const std::string& error, std::int64_t now);

/// The attempt of this step does not count, and nobody need wait for the next.
void take_back_attempt(Database& db, const StepRow& step);

/// Makes the planned steps of the device's running update those of `plan`; starts an update if none runs. Steps that
/// the plan no longer has are superseded.
void record_plan(Database& db, const std::string& device_id, const std::vector<planning::Step>& plan, std::int64_t now);

/// Turns the first planned step into `sending` and counts the attempt, and the sending of the file. Returns its
/// row id. `running` is the service's running time.
std::int64_t begin_step(
    Database& db, const std::string& device_id, const planning::Step& step, std::int64_t now, std::int64_t running);
void record_progress(Database& db, std::int64_t step_id, std::uint32_t bytes);
void mark_sent(Database& db, std::int64_t step_id, bool confirmed, std::int64_t now);

/// Ends the device's running update, if there is one: `state` is done, blocked, parked or superseded.
/// A device that is done has no attempts left.
void end_update(
    Database& db, const std::string& device_id, const std::string& state, const std::string& words, std::int64_t now);

planning::Attempts load_attempts(
    Database& db, const std::string& device_id, const planning::Step& step, std::int64_t running);
/// What was tried with this device is settled.
void clear_attempts(Database& db, const std::string& device_id);
/// So that a parked device may try again: neither attempts nor the sendings of the day count any more.
void allow_again(Database& db, const std::string& device_id);
/// Likewise every approved device. Those that are held stay held.
void allow_all_again(Database& db);
/// Whether a step under way or a target of some device has this file.
bool is_needed(Database& db, const std::string& sha256);

/// Devices whose update runs, or ran when the last service ended.
std::vector<std::string> devices_with_running_update(Database& db);

/// Steps of the newest updates, newest first.
std::vector<StepRow> recent_steps(Database& db, const std::string& device_id, int limit);

}  // namespace drydock::store
