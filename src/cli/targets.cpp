#include "base/log.hpp"
#include "cli/find_device.hpp"
#include "cli/open_store.hpp"
#include "cli/table.hpp"
#include "server/as_json.hpp"
#include "server/commands.hpp"
#include "server/policies.hpp"
#include "server/policies_json.hpp"
#include "firmware/releases.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::cli {
namespace {

std::string words_of(const store::PolicyRow& row) {
  std::string words;
  const auto add = [&](const std::string& what) { words += (words.empty() ? "" : "; ") + what; };
  if (row.target)
    add(planning::target_words(store::target_of(row)) + (row.downgrade ? ", also in place of something newer" : ""));
  if (row.held) add(*row.held ? "paused" : "not paused");
  if (!row.window.empty()) add("updated " + planning::window_words(row.window));
  return words.empty() ? "nothing" : words;
}

using Subject = std::pair<store::PolicyScope, std::string>;

Result<Subject> subject_of(store::Database& db, const TargetScope& scope) {
  if (scope.all + !scope.platform.empty() + !scope.group.empty() + !scope.device.empty() != 1)
    return failure(ErrorKind::malformed, "say of which devices: --all, --platform, --group or --device");
  if (scope.all) return server::find_subject(db, "fleet", "");
  if (!scope.platform.empty()) return server::find_subject(db, "platform", scope.platform);
  if (!scope.group.empty()) return server::find_subject(db, "group", scope.group);
  return find_device(db, scope.device).map([](const store::DeviceRow& row) {
    return Subject(store::PolicyScope::device, row.id);
  });
}

// What was said before, with what is said now over it.
Result<store::PolicyRow> changed(store::PolicyRow row, const TargetChange& change) {
  const bool by_version = !change.at_least.empty() || !change.exactly.empty();
  const int wants =
      change.latest + change.needs + !change.release.empty() + !change.at_least.empty() + !change.exactly.empty();
  if (wants > 1) return failure(ErrorKind::malformed, "say one of --latest, --at-least, --exactly, --release, --needs");
  if (wants == 1) {
    row.target = change.latest     ? planning::TargetKind::latest
        : change.needs             ? planning::TargetKind::needs
        : !change.release.empty()  ? planning::TargetKind::release
        : !change.at_least.empty() ? planning::TargetKind::at_least
                                   : planning::TargetKind::exactly;
    row.release = change.release;
    row.version = by_version ? change.at_least + change.exactly : "";
    row.downgrade = change.downgrade;
  } else if (change.downgrade) {
    return failure(ErrorKind::malformed, "--downgrade goes with --exactly or --release");
  }
  if (change.hold && change.release_hold) return failure(ErrorKind::malformed, "say one of --hold and --no-hold");
  if (change.hold || change.release_hold) row.held = change.hold;
  if (change.hours) row.window.hours = *change.hours;
  if (change.time_zone) row.window.time_zone = *change.time_zone;
  if (change.blackout) row.window.blackout = *change.blackout;
  if (row.window.empty() && !change.time_zone) row.window.time_zone.clear();
  const bool says =
      wants == 1 || change.hold || change.release_hold || change.hours || change.time_zone || change.blackout;
  if (!says)
    return failure(ErrorKind::malformed,
        "say what: --latest, --at-least, --exactly, --release or --needs; --hold; --hours and --blackout");
  return row;
}

void print_policy(store::Database& db, const store::DeviceRow& device, const planning::UpdatePolicy& policy) {
  const auto& standing = policy.targets.standing;
  if (device.held) fmt::print("  is paused: so says 'devices hold'\n");
  const auto own = store::load_own_targets(db, device.id);
  for (const auto& target : policy.targets.targets) {
    const bool is_own = std::any_of(own.begin(), own.end(), [&](const auto& one) { return one.key == target.key; });
    fmt::print("  shall have {}: so says {}\n", firmware::module_title(device.platform, target.key, target.version),
        is_own ? "'devices target'" : fmt::format("rollout {}", policy.rollout));
  }
  if (standing)
    fmt::print("  shall have {}: so says the rule for {}\n", log::printable(planning::target_words(*standing)),
        log::printable(standing->rule));
  else
    fmt::print("  {}shall have what its application needs: no rule says anything else\n",
        policy.targets.targets.empty() ? "" : "for the rest it ");
  if (policy.held) fmt::print("  is paused: so says the rule for {}\n", log::printable(policy.held_by));
  for (const auto& window : policy.windows)
    fmt::print("  is updated {}: so says {}\n", log::printable(planning::window_words(window.words)),
        log::printable(window.rule));
}

}  // namespace

int targets_list(const Context& context) {
  auto db = open_to_read(context);
  const auto rows = store::load_policies(db);
  if (context.json) {
    fmt::print("{}\n", server::policies_as_json(db, rows));
    return 0;
  }
  if (rows.empty()) {
    fmt::print(
        "Every device is brought to what its application needs. 'drydock targets set --all --latest' would bring "
        "all to the latest Device OS in the library.\n");
    return 0;
  }
  std::vector<std::vector<std::string>> lines{{"FOR", "WHAT"}};
  for (const auto& row : rows)
    lines.push_back({log::printable(store::subject_words(db, row)), log::printable(words_of(row))});
  fmt::print("{}The rule for a device goes before its group's, that before its platform's, that before all's.\n",
      table(lines));
  return 0;
}

int targets_set(const Context& context, const TargetScope& scope, const TargetChange& change) {
  auto db = open_to_write(context);
  store::PolicyRow made;
  const auto saved = db.transact([&](store::Database& open) -> Result<void> {
    const auto subject = subject_of(open, scope);
    if (!subject) return tl::unexpected(subject.error());
    auto row = store::load_policy(open, subject->first, subject->second).value_or(store::PolicyRow{});
    row.scope = subject->first;
    row.subject = subject->second;
    auto after = changed(std::move(row), change);
    if (!after) return tl::unexpected(after.error());
    made = std::move(*after);
    return server::save_policy(open, made);
  });
  if (!saved) return print_error(saved.error().message);
  folder_of(context).touch_changed();
  fmt::print("{}: {}\n", log::printable(store::subject_words(db, made)), log::printable(words_of(made)));
  if (made.scope == store::PolicyScope::group && !store::is_group(db, made.subject))
    fmt::print("Mind: no device is in group '{}' yet\n", log::printable(made.subject));
  return 0;
}

int targets_clear(const Context& context, const TargetScope& scope) {
  auto db = open_to_write(context);
  store::PolicyRow row;
  const auto saved = db.transact([&](store::Database& open) -> Result<void> {
    const auto subject = subject_of(open, scope);
    if (!subject) return tl::unexpected(subject.error());
    row.scope = subject->first;
    row.subject = subject->second;
    if (!store::load_policy(open, row.scope, row.subject))
      return failure(ErrorKind::not_found, "nothing was said of them: see 'drydock targets list'");
    return server::save_policy(open, row);
  });
  if (!saved) return print_error(saved.error().message);
  folder_of(context).touch_changed();
  fmt::print("{}: nothing is said any more\n", log::printable(store::subject_words(db, row)));
  return 0;
}

int targets_show(const Context& context, const std::string& device) {
  auto db = open_to_read(context);
  const auto row = server::commands::find_device(db, device, server::commands::ByBeginning::yes);
  if (!row) return print_error(row.error().message);
  const auto policy = store::load_update_policy(db, row->id);
  if (context.json) {
    const server::DeviceDetails details{*row, {}, policy, store::load_labels(db, row->id), {}, {}};
    const auto all = nlohmann::json::parse(server::device_as_json(details));
    fmt::print("{}\n", nlohmann::json{{"id", row->id}, {"targets", all["targets"]}, {"policy", all["policy"]}}.dump(2));
    return 0;
  }
  fmt::print("{}\n", log::printable(row->name.empty() ? row->id : row->name));
  print_policy(db, *row, policy);
  return 0;
}

}  // namespace drydock::cli
