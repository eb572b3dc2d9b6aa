#include "server/rollouts.hpp"

#include "base/clock.hpp"
#include "firmware/releases.hpp"
#include "server/absent_state.hpp"
#include "server/service_uptime.hpp"
#include "store/access.hpp"
#include "store/audit.hpp"
#include "store/changes.hpp"
#include "store/history.hpp"
#include "store/modules.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::server {
namespace {

std::string title_of(const store::DeviceRow& row) {
  return row.name.empty() ? row.id : row.name;
}

void note(store::Database& db, const std::string& device_id, const std::string& words, std::int64_t utc_now) {
  store::append_history(db, {utc_now, device_id, "rollout", words});
}

// What a forced rollout does for a device it does for the time of its update, there and back.
void set_forced(
    store::Database& db, const planning::Rollout& rollout, const std::vector<planning::RolloutDevice>& before) {
  using planning::DeviceStage;
  if (!rollout.rules.forced) return;
  const auto is_sent_something = [](DeviceStage stage) {
    return stage == DeviceStage::begun || stage == DeviceStage::reverting;
  };
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& device = rollout.devices[i];
    if (device.stage == before[i].stage) continue;
    if (is_sent_something(device.stage))
      store::set_forced(db, device.id, true);
    else if (device.stage == DeviceStage::waiting || device.stage == DeviceStage::failed)
      store::set_forced(db, device.id, false);  // else it ends with all that it needs
  }
}

void note_failures(
    store::Database& db, const planning::Rollout& rollout, const std::vector<planning::RolloutDevice>& before) {
  for (std::size_t i = 0; i < before.size(); ++i)
    if (const auto& device = rollout.devices[i];
        device.stage == planning::DeviceStage::failed && before[i].stage != device.stage)
      note_rollout_failure(db, device.id, device.words);
}

// What failed in it is no reason any more.
void restate_failed(store::Database& db, const std::vector<planning::RolloutDevice>& before) {
  for (const auto& device : before)
    if (device.stage == planning::DeviceStage::failed) restate_absent(db, device.id);
}

// Those that cannot go back, so that the others do not wait for them.
void give_up_without_file(store::Database& db, store::RolloutRow& row) {
  const auto library = store::load_library(db);
  for (const auto& previous : store::load_previous_modules(db, row.id)) {
    if (is_in(library, previous.platform, previous.module)) continue;
    for (auto& device : row.rollout.devices) {
      if (device.id != previous.device_id || device.stage != planning::DeviceStage::reverting) continue;
      device.stage = planning::DeviceStage::failed;
      device.words = fmt::format("cannot be taken back: the {} that it had is not in the library",
          firmware::module_title(previous.platform, previous.module.key, previous.module.version));
    }
  }
}

}  // namespace

Result<std::int64_t> begin_rollout(store::Database& db, const RolloutPlan& plan, std::int64_t utc_now) {
  store::order_changes(db);
  store::RolloutRow row;
  row.release = plan.release;
  row.created = utc_now;
  row.rollout.rules = plan.rules;
  for (const auto& device : plan.devices) {
    if (!device.left_out.empty() && device.canary)
      return failure(
          ErrorKind::conflict, fmt::format("{} shall be the first and {}", title_of(device.row), device.left_out));
    if (!device.left_out.empty()) continue;
    planning::RolloutDevice one;
    one.id = device.row.id;
    one.canary = device.canary;
    row.rollout.devices.push_back(std::move(one));
  }
  if (row.rollout.devices.empty())
    return failure(ErrorKind::conflict, "no device would get anything: a dry run says why");
  return store::add_rollout(db, row);
}

Result<store::RolloutRow> steer_rollout(store::Database& db, std::int64_t id, RolloutAction action, bool force) {
  store::order_changes(db);  // with the looks of every machine
  auto row = store::load_rollout(db, id);
  if (!row) return failure(ErrorKind::not_found, fmt::format("no rollout {}: see 'drydock rollouts list'", id));
  if (const auto newer = store::newer_rollout(db, id); newer && action == RolloutAction::revert)
    return failure(ErrorKind::conflict,
        fmt::format("rollout {} came behind it and has the same devices: take that one back first", *newer));
  const auto before = row->rollout.devices;
  const bool more_urgent =
      action == RolloutAction::revert && force && row->rollout.stage == planning::RolloutStage::reverting;
  const auto done = more_urgent         ? Result<void>()
      : action == RolloutAction::pause  ? planning::pause_rollout(row->rollout)
      : action == RolloutAction::resume ? planning::resume_rollout(row->rollout)
      : action == RolloutAction::abort  ? planning::abort_rollout(row->rollout)
                                        : planning::revert_rollout(row->rollout);
  if (!done) return tl::unexpected(done.error());
  if (action == RolloutAction::abort)
    planning::recall_unsent(row->rollout, store::load_standings(db, *row, utc_milliseconds()));
  if (action == RolloutAction::revert) {
    row->rollout.rules.forced |= force;
    give_up_without_file(db, *row);
  }
  store::save_rollout(db, *row);
  store::save_rollout_devices(db, *row, before);
  set_forced(db, row->rollout, before);
  note_failures(db, row->rollout, before);
  if (action == RolloutAction::revert) restate_failed(db, before);
  if (action == RolloutAction::revert && force)
    for (const auto& device : row->rollout.devices)
      if (device.stage == planning::DeviceStage::reverting) store::set_forced(db, device.id, true);
  return std::move(*row);
}

Result<void> remove_rollout(store::Database& db, std::int64_t id) {
  store::order_changes(db);
  const auto row = store::load_rollout(db, id);
  if (!row) return failure(ErrorKind::not_found, fmt::format("no rollout {}: see 'drydock rollouts list'", id));
  if (const auto older = store::older_rollout(db, id))
    return failure(ErrorKind::conflict,
        fmt::format("its devices would be taken back to what rollout {} gave them: forget that one first", *older));
  if (!store::remove_rollout(db, id))
    return failure(ErrorKind::conflict,
        fmt::format("rollout {} is {}: abort it first", id, planning::stage_name(row->rollout.stage)));
  restate_failed(db, row->rollout.devices);
  return {};
}

RolloutLook look_at_rollouts(
    store::Database& db, std::int64_t running_time, std::int64_t utc_now, std::size_t at_once) {
  RolloutLook look;
  store::order_changes(db);  // machines that share the database look one after the other
  for (const auto id : store::rollouts_under_way(db)) {
    look.under_way = true;
    auto row = store::load_rollout(db, id);
    const auto before = row->rollout;
    const auto standings = store::load_standings(db, *row, utc_now);
    if (!planning::advance(row->rollout, standings, running_time, at_once)) continue;
    look.changed = true;
    const auto release = store::load_release(db, row->release);
    for (std::size_t i = 0; i < before.devices.size(); ++i) {
      const auto& device = row->rollout.devices[i];
      if (device.stage == before.devices[i].stage) continue;
      if (device.stage == planning::DeviceStage::begun && release)
        store::save_previous_modules(db, id, device.id, release->modules);
      const auto words = device.stage == planning::DeviceStage::failed ? ": " + device.words : std::string();
      note(db, device.id,
          fmt::format("rollout {} of '{}': {}{}", id, row->release, planning::stage_name(device.stage), words),
          utc_now);
    }
    if (row->rollout.stage != before.stage || row->rollout.wave != before.wave) {
      const auto& now = row->rollout;
      look.lines.push_back(now.stage != before.stage
              ? fmt::format("rollout {} of '{}' is {}{}{}", id, row->release, planning::stage_name(now.stage),
                    now.words.empty() ? "" : ": ", now.words)
              : fmt::format("rollout {} of '{}': wave {} of {} begins", id, row->release, now.wave + 1,
                    now.rules.waves.size()));
      if (now.stage == planning::RolloutStage::stopped && before.stage != now.stage) {
        look.stopped.push_back({id, row->release, now.words});
        store::append_audit(db,
            {0, utc_now, "Drydock", "rollout", fmt::format("rollout {} of '{}' stopped", id, row->release), now.words});
      }
      store::save_rollout(db, *row);
    }
    store::save_rollout_devices(db, *row, before.devices);
    set_forced(db, row->rollout, before.devices);
    note_failures(db, row->rollout, before.devices);
  }
  // Behind a power cut it goes on from here: what was decided must not lie in times to come.
  if (look.changed) store::save_setting(db, ServiceUptime::setting, std::to_string(running_time));
  return look;
}

}  // namespace drydock::server
