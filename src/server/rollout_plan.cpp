// What a rollout would do, before anything is done: which devices it reaches, and why it leaves others out.
#include "firmware/platforms.hpp"
#include "firmware/releases.hpp"
#include "server/commands.hpp"
#include "server/rollouts.hpp"
#include "store/device_list.hpp"
#include "store/groups.hpp"
#include "store/modules.hpp"
#include "store/policies.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace drydock::server {
namespace {

std::string title_of(const store::DeviceRow& row) {
  return row.name.empty() ? row.id : row.name;
}

Result<std::vector<store::DeviceRow>> selected_devices(store::Database& db, const Selection& selection) {
  std::vector<store::DeviceRow> rows;
  std::set<std::string> seen;
  for (const auto& name : selection.devices) {
    auto row = commands::find_device(db, name);
    if (!row) return tl::unexpected(row.error());
    if (seen.insert(row->id).second) rows.push_back(std::move(*row));
  }
  if (!selection.devices.empty()) return rows;
  std::set<std::string> labelled;
  if (!selection.label.empty())
    for (auto& id : store::devices_with_label(db, selection.label)) labelled.insert(std::move(id));
  for (auto& row : store::load_devices(db))
    if (row.approval == "approved" && (selection.group.empty() || row.group == selection.group) &&
        (selection.label.empty() || labelled.contains(row.id)))
      rows.push_back(std::move(row));
  if (rows.empty() && !selection.group.empty())
    return failure(ErrorKind::not_found, fmt::format("no device is in a group '{}'", selection.group));
  if (rows.empty() && !selection.label.empty())
    return failure(ErrorKind::not_found, fmt::format("no device has the label '{}'", selection.label));
  return rows;
}

firmware::Inventory reported_by(store::Database& db, const store::DeviceRow& row) {
  firmware::Inventory inventory;
  inventory.platform = row.platform;
  inventory.modules = store::load_modules(db, row.id);
  return inventory;
}

// What the device has in slots that the release changes and the library has not.
std::string no_way_back(const firmware::Inventory& inventory, const std::vector<planning::Target>& targets,
    const firmware::Library& library) {
  for (const auto& target : targets) {
    const auto* now = inventory.find(target.key);
    const bool changes =
        now != nullptr && (now->version != target.version || target.key.function == firmware::Function::user_part);
    if (changes && !is_in(library, inventory.platform, {now->key, now->version, {}, now->sha256}))
      return firmware::module_title(inventory.platform, target.key, now->version) + " is not in the library";
  }
  return "";
}

std::string newer_than_release(const firmware::Inventory& inventory, const std::vector<planning::Target>& targets) {
  for (const auto& target : targets)
    if (const auto* now = inventory.find(target.key); now != nullptr && now->version > target.version)
      return fmt::format("has {}, which is newer: only a downgrade would take it back to version {}",
          firmware::module_title(inventory.platform, target.key, now->version), target.version);
  return "";
}

// What people want of the device itself goes before, and a rollout would wait for ever.
std::string own_wish(store::Database& db, const store::DeviceRow& row, const std::vector<planning::Target>& targets) {
  if (row.held) return "is paused by a person";
  const store::PolicySubject subject{row.id, row.group, row.platform};
  const store::Policies policies(db, subject);
  if (const auto* rule = policies.held(subject); rule != nullptr && *rule->held)
    return fmt::format("is paused, as {} is", store::rule_words(*rule));
  for (const auto& own : store::load_own_targets(db, row.id))
    for (const auto& target : targets)
      if (own.key == target.key)
        return fmt::format("shall have {} of its own: 'drydock devices target {} --clear' takes that back",
            firmware::module_title(row.platform, own.key, own.version), row.id);
  if (const auto other = store::rollout_under_way_of(db, row.id))
    return fmt::format("is in rollout {}, which is not over", *other);
  return "";
}

std::string other_product(const store::DeviceRow& row, const store::ReleaseRow& release) {
  for (const auto& file : release.modules)
    if (file.platform == row.platform && planning::is_of_other_product(file, row.product_id))
      return fmt::format(
          "is of product {}, and {} is for product {}", row.product_id, file.file_name, *file.product_id);
  return "";
}

// What it will wait for although its turn has come.
std::string waits_for(
    store::Database& db, const store::DeviceRow& row, const planning::RolloutRules& rules, std::int64_t utc_now) {
  if (!row.updates_enabled.value_or(true) && !rules.forced)
    return "its application disabled updates, and must enable them (or --force)";
  if (!row.connected) return "it is not connected";
  const store::PolicySubject subject{row.id, row.group, row.platform};
  if (!rules.forced && !planning::is_open(rules.window, utc_now))
    return "the hours of the rollout: " + planning::window_words(rules.window);
  const store::Policies policies(db, subject);
  const auto* rule = policies.window(subject);
  if (rule != nullptr && !rules.forced && !planning::is_open(rule->window, utc_now))
    return fmt::format("the hours of {}: {}", store::rule_words(*rule), planning::window_words(rule->window));
  return "";
}

PlannedDevice plan_device(store::Database& db, const firmware::Library& library, const store::ReleaseRow& release,
    store::DeviceRow row, const planning::RolloutRules& rules, std::int64_t utc_now) {
  PlannedDevice device;
  const auto inventory = reported_by(db, row);
  const auto targets = planning::targets_of(release.modules, row.platform, row.product_id);
  device.row = std::move(row);
  if (device.row.approval != "approved") {
    device.left_out = "is not approved";
  } else if (auto other = other_product(device.row, release); !other.empty()) {
    device.left_out = std::move(other);
  } else if (targets.empty()) {
    device.left_out = fmt::format("the release has nothing for a {}", firmware::platform_name(inventory.platform));
  } else if (inventory.modules.empty()) {
    device.left_out = "has not said yet what it runs";
  } else if (auto wish = own_wish(db, device.row, targets); !wish.empty()) {
    device.left_out = std::move(wish);
  } else if (auto newer = newer_than_release(inventory, targets); !rules.downgrade && !newer.empty()) {
    device.left_out = std::move(newer);
  } else {
    auto plan = planning::plan(inventory, library, {targets});
    if (plan.blocked()) device.left_out = planning::missing_words(plan);
    if (plan.current()) device.left_out = "has all of it already";
    device.steps = std::move(plan.steps);
  }
  if (!device.left_out.empty()) return device;
  device.no_way_back = no_way_back(inventory, targets, library);
  device.waits = waits_for(db, device.row, rules, utc_now);
  return device;
}

}  // namespace

// By what the device named of it; system parts of most devices name no hash.
bool is_in(const firmware::Library& library, std::uint16_t platform, const firmware::ModuleInfo& module) {
  const auto files = library.candidates(platform, module.key, module.version);
  return std::any_of(files.begin(), files.end(), [&](const auto* file) {
    const auto members = file->members();
    return std::any_of(members.begin(), members.end(), [&](const auto& member) {
      return member.key == module.key && member.version == module.version &&
          (module.suffix_sha256.empty() || member.suffix_sha256 == module.suffix_sha256);
    });
  });
}

std::uint64_t PlannedDevice::bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& step : steps) bytes += step.module.size;
  return bytes;
}

std::vector<std::size_t> RolloutPlan::waves() const {
  std::size_t inside = 0;
  std::size_t canaries = 0;
  for (const auto& device : devices) {
    inside += device.left_out.empty();
    canaries += device.left_out.empty() && device.canary;
  }
  return planning::wave_sizes(rules, inside, canaries);
}

std::int64_t RolloutPlan::expected_time() const {
  // What a Photon takes: some 20 kB a second, and a reset behind each module.
  constexpr std::int64_t bytes_per_second = 20 * 1024;
  constexpr std::int64_t reset = 20'000;
  constexpr std::size_t usually_at_once = 8;
  std::int64_t longest = 0;
  std::size_t inside = 0;
  std::size_t canaries = 0;
  for (const auto& device : devices) {
    if (!device.left_out.empty()) continue;
    ++inside;
    canaries += device.canary;
    const auto sending = static_cast<std::int64_t>(device.bytes()) * 1000 / bytes_per_second;
    longest = std::max(longest, sending + static_cast<std::int64_t>(device.steps.size()) * reset);
  }
  return planning::expected_time(rules, inside, canaries, longest, usually_at_once);
}

Result<RolloutPlan> plan_rollout(store::Database& db, const std::string& name, const Selection& selection,
    const planning::RolloutRules& rules, std::int64_t utc_now) {
  if (const auto right = planning::check_window(rules.window); !right) return tl::unexpected(right.error());
  if (rules.window.empty() && !rules.window.time_zone.empty())
    return failure(ErrorKind::malformed, "a time zone without hours or days means nothing");
  if (rules.forced && !rules.window.empty())
    return failure(ErrorKind::malformed, "a forced rollout heeds no hours: leave the hours and days out, or the force");
  constexpr std::size_t longest_event_name = 64;
  if (rules.health_event.size() > longest_event_name)
    return failure(ErrorKind::malformed, fmt::format("an event's name has at most {} bytes", longest_event_name));
  if (name.empty()) return failure(ErrorKind::malformed, "say which release");
  const auto release = store::load_release(db, name);
  if (!release) return failure(ErrorKind::not_found, fmt::format("no release '{}': see 'drydock releases list'", name));
  if (release->missing != 0)
    return failure(
        ErrorKind::conflict, fmt::format("{} files of '{}' were taken out of the library", release->missing, name));
  auto rows = selected_devices(db, selection);
  if (!rows) return tl::unexpected(rows.error());
  std::set<std::string> canaries;
  for (const auto& canary : selection.canaries) {
    const auto row = commands::find_device(db, canary);
    if (!row) return tl::unexpected(row.error());
    const auto same = [&](const store::DeviceRow& other) { return other.id == row->id; };
    if (std::none_of(rows->begin(), rows->end(), same))
      return failure(
          ErrorKind::conflict, fmt::format("{} shall be the first and is not among the devices", title_of(*row)));
    canaries.insert(row->id);
  }
  const auto library = store::load_library(db);
  RolloutPlan plan{name, rules, {}};
  // Canaries are a wave: without another behind it nobody else would ever begin.
  if (!canaries.empty() && rules.waves.size() == 1)
    plan.rules.waves.insert(plan.rules.waves.begin(), {static_cast<unsigned>(canaries.size()), false});
  for (auto& row : *rows) {
    auto device = plan_device(db, library, *release, std::move(row), rules, utc_now);
    device.canary = canaries.contains(device.row.id);
    plan.devices.push_back(std::move(device));
  }
  std::stable_partition(plan.devices.begin(), plan.devices.end(), [](const PlannedDevice& d) { return d.canary; });
  return plan;
}

}  // namespace drydock::server
