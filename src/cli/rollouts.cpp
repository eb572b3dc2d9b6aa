#include "base/clock.hpp"
#include "base/log.hpp"
#include "cli/find_device.hpp"
#include "cli/open_store.hpp"
#include "server/state_words.hpp"
#include "cli/table.hpp"
#include "firmware/platforms.hpp"
#include "server/rollouts.hpp"
#include "server/rollouts_json.hpp"

#include <fmt/core.h>
#include <map>

namespace drydock::cli {
namespace {

bool is_over(const planning::Rollout& rollout) {
  using planning::RolloutStage;
  return rollout.stage != RolloutStage::running && rollout.stage != RolloutStage::paused &&
      rollout.stage != RolloutStage::stopped;
}

std::string counted(const planning::Rollout& rollout) {
  std::map<planning::DeviceStage, std::size_t> counts;
  for (const auto& device : rollout.devices) ++counts[device.stage];
  std::string words;
  for (const auto& [stage, count] : counts)
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count,
        is_over(rollout) && stage == planning::DeviceStage::waiting ? "never begun" : planning::stage_name(stage));
  return words;
}

std::string duration_words(std::int64_t milliseconds) {
  const auto minutes = (milliseconds + 59'999) / 60'000;
  return minutes < 120 ? fmt::format("{} minutes", minutes)
                       : fmt::format("{} hours {} minutes", minutes / 60, minutes % 60);
}

std::string rules_words(const planning::RolloutRules& rules) {
  auto words = fmt::format("soak {}, lost after {}, stops at more than {} % failed of at least {}",
      duration_words(rules.soak), duration_words(rules.lost_after), rules.failure_percent, rules.failures);
  if (rules.at_once != 0) words += fmt::format(", {} at once", rules.at_once);
  if (rules.per_minute != 0) words += fmt::format(", {} a minute", rules.per_minute);
  if (rules.bytes_per_second != 0) words += fmt::format(", {} bytes a second", rules.bytes_per_second);
  if (rules.downgrade) words += ", also downgrades";
  if (rules.forced) words += ", forced";
  if (!rules.health_event.empty()) words += fmt::format(", waits for the event '{}'", rules.health_event);
  if (!rules.window.empty()) words += "; " + planning::window_words(rules.window);
  return words;
}

void print_rollout(const store::RolloutRow& row) {
  const auto& rollout = row.rollout;
  fmt::print("Rollout {} of '{}' is {}{}{}\n", row.id, log::printable(row.release), planning::stage_name(rollout.stage),
      rollout.words.empty() ? "" : ": ", log::printable(rollout.words));
  fmt::print("  begun {}; waves {}, now wave {} of {}; {} devices: {}\n", local_time(row.created),
      planning::wave_words(rollout.rules.waves), rollout.wave + 1, rollout.rules.waves.size(), rollout.devices.size(),
      counted(rollout));
  fmt::print("  {}\n", log::printable(rules_words(rollout.rules)));
  std::vector<std::vector<std::string>> lines{{"DEVICE", "WAVE", "STAGE", ""}};
  for (std::size_t i = 0; i < rollout.devices.size(); ++i) {
    const auto& device = rollout.devices[i];
    const bool begun = device.stage != planning::DeviceStage::waiting;
    lines.push_back({row.names[i].empty() ? device.id : log::printable(row.names[i]),
        begun               ? std::to_string(device.wave + 1)
            : device.canary ? "first"
                            : "–",
        begun || !is_over(rollout) ? std::string(planning::stage_name(device.stage)) : "never begun",
        log::printable(device.words.empty() ? row.states[i] : device.words)});
  }
  fmt::print("{}", table(lines));
}

// What would happen, device by device.
void print_plan(const server::RolloutPlan& plan) {
  std::vector<std::vector<std::string>> lines{{"DEVICE", "STEPS", "BYTES", "WHAT"}};
  std::size_t devices = 0;
  std::size_t steps = 0;
  std::uint64_t bytes = 0;
  for (const auto& device : plan.devices) {
    std::string what = device.left_out.empty() ? "" : "left out: " + device.left_out;
    for (const auto& step : device.steps) what += (what.empty() ? "" : ", then ") + step.module.title();
    if (!device.waits.empty()) what += ". Waits for: " + device.waits;
    if (!device.no_way_back.empty()) what += ". No way back: " + device.no_way_back;
    const bool in = device.left_out.empty();
    lines.push_back({device.row.name.empty() ? device.row.id : log::printable(device.row.name),
        in ? std::to_string(device.steps.size()) : "–", in ? std::to_string(device.bytes()) : "–",
        log::printable(what)});
    devices += in;
    steps += in ? device.steps.size() : 0;
    bytes += in ? device.bytes() : 0;
  }
  std::string sizes;
  for (const auto size : plan.waves()) sizes += (sizes.empty() ? "" : " + ") + std::to_string(size);
  fmt::print("{}{} devices, {} steps, {} bytes; waves {}: {} devices; about {} if all goes well\n", table(lines),
      devices, steps, bytes, planning::wave_words(plan.rules.waves), sizes, duration_words(plan.expected_time()));
}

}  // namespace

int rollouts_start(const Context& context, const NewRollout& rollout) {
  if (!rollout.devices.empty() + !rollout.group.empty() + !rollout.label.empty() + rollout.all != 1)
    return print_error("say which devices: --device, --group, --label, or --all");
  planning::RolloutRules rules;
  if (!rollout.waves.empty()) {
    auto waves = planning::parse_waves(rollout.waves);
    if (!waves) return print_error(waves.error().message);
    rules.waves = std::move(*waves);
  }
  constexpr std::int64_t minute = 60'000;
  rules.soak = rollout.soak_minutes * minute;
  rules.lost_after = rollout.lost_after_minutes * minute;
  rules.failures = rollout.failures;
  rules.failure_percent = rollout.failure_percent;
  rules.at_once = rollout.at_once;
  rules.per_minute = rollout.per_minute;
  rules.bytes_per_second = rollout.bytes_per_second;
  rules.downgrade = rollout.downgrade;
  rules.forced = rollout.forced;
  rules.health_event = rollout.health_event;
  rules.window = {rollout.hours, rollout.time_zone, rollout.blackout};
  const auto plan_in = [&](store::Database& db) -> Result<server::RolloutPlan> {
    auto devices = ids_of(db, rollout.devices);
    if (!devices) return tl::unexpected(devices.error());
    auto canaries = ids_of(db, rollout.canaries);
    if (!canaries) return tl::unexpected(canaries.error());
    const server::Selection selection{std::move(*devices), rollout.group, rollout.label, std::move(*canaries)};
    return server::plan_rollout(db, rollout.release, selection, rules, utc_milliseconds());
  };
  if (rollout.dry_run) {
    auto db = open_to_read(context);
    const auto plan = plan_in(db);
    if (!plan) return print_error(plan.error().message);
    if (context.json)
      fmt::print("{}\n", server::rollout_plan_as_json(*plan));
    else
      print_plan(*plan);
    return 0;
  }
  auto db = open_to_write(context);
  std::int64_t id = 0;
  const auto begun = db.transact([&](store::Database& open) -> Result<void> {
    const auto plan = plan_in(open);
    if (!plan) return tl::unexpected(plan.error());
    if (!context.json) print_plan(*plan);
    const auto added = server::begin_rollout(open, *plan, utc_milliseconds());
    if (!added) return tl::unexpected(added.error());
    id = *added;
    return {};
  });
  if (!begun) return print_error(begun.error().message);
  folder_of(context).touch_changed();
  if (context.json)
    fmt::print("{}\n", server::rollout_as_json(*store::load_rollout(db, id)));
  else
    fmt::print("Rollout {} has begun: 'drydock rollouts show {}' says how it goes\n", id, id);
  return 0;
}

int rollouts_list(const Context& context) {
  auto db = open_to_read(context);
  auto rows = store::load_rollouts(db, 100);
  for (auto& row : rows) row = *store::load_rollout(db, row.id);
  if (context.json) {
    fmt::print("{}\n", server::rollouts_as_json(rows));
    return 0;
  }
  if (rows.empty()) {
    fmt::print("There was no rollout yet. 'drydock rollouts start RELEASE --all --dry-run' says what one would do.\n");
    return 0;
  }
  std::vector<std::vector<std::string>> lines{{"ROLLOUT", "RELEASE", "BEGUN", "STAGE", "WAVE", "DEVICES"}};
  for (const auto& row : rows)
    lines.push_back({std::to_string(row.id), log::printable(row.release), local_time(row.created),
        std::string(planning::stage_name(row.rollout.stage)),
        fmt::format("{} of {}", row.rollout.wave + 1, row.rollout.rules.waves.size()), counted(row.rollout)});
  fmt::print("{}", table(lines));
  return 0;
}

int rollouts_show(const Context& context, std::int64_t id) {
  auto db = open_to_read(context);
  auto row = store::load_rollout(db, id);
  if (!row) return print_error(fmt::format("no rollout {}: see 'drydock rollouts list'", id));
  store::say_why_they_wait(db, *row, utc_milliseconds());
  if (context.json)
    fmt::print("{}\n", server::rollout_as_json(*row));
  else
    print_rollout(*row);
  return 0;
}

int rollouts_remove(const Context& context, std::int64_t id) {
  auto db = open_to_write(context);
  const auto removed =
      db.transact([&](store::Database& open) -> Result<void> { return server::remove_rollout(open, id); });
  if (!removed) return print_error(removed.error().message);
  folder_of(context).touch_changed();
  fmt::print("Rollout {} is forgotten; its devices follow what else is said of them\n", id);
  return 0;
}

int rollouts_steer(const Context& context, std::int64_t id, Steer how, bool force) {
  using server::RolloutAction;
  const auto action = how == Steer::pause ? RolloutAction::pause
      : how == Steer::resume              ? RolloutAction::resume
      : how == Steer::abort               ? RolloutAction::abort
                                          : RolloutAction::revert;
  auto db = open_to_write(context);
  const auto done = db.transact([&](store::Database& open) -> Result<void> {
    const auto row = server::steer_rollout(open, id, action, force);
    if (!row) return tl::unexpected(row.error());
    return {};
  });
  if (!done) return print_error(done.error().message);
  folder_of(context).touch_changed();
  const auto row = store::load_rollout(db, id);
  if (context.json)
    fmt::print("{}\n", server::rollout_as_json(*row));
  else
    fmt::print("Rollout {} is {} now: {}\n", id, planning::stage_name(row->rollout.stage), counted(row->rollout));
  return 0;
}

}  // namespace drydock::cli
