// Releases and rollouts, as the command line has them.
#include "web/api.hpp"
#include "web/json_body.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "server/rollouts_json.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

namespace drydock::web {
namespace {

using nlohmann::json;

constexpr int rollouts_listed = 20;

Result<planning::RolloutRules> rules_in(const json& body) {
  constexpr std::int64_t minute = 60'000;
  planning::RolloutRules rules;
  const auto waves = optional_text(body, "waves");
  if (!waves) return tl::unexpected(waves.error());
  if (!waves->empty()) {
    auto parsed = planning::parse_waves(*waves);
    if (!parsed) return tl::unexpected(parsed.error());
    rules.waves = std::move(*parsed);
  }
  for (const auto& read : {number_in(body, "soak_minutes", 0, 100'000, rules.soak, minute),
           number_in(body, "lost_after_minutes", 1, 100'000, rules.lost_after, minute),
           number_in(body, "failures", 1, 1'000'000, rules.failures),
           number_in(body, "failure_percent", 0, 100, rules.failure_percent),
           number_in(body, "at_once", 0, 1'000'000, rules.at_once),
           number_in(body, "per_minute", 0, 1'000'000, rules.per_minute),
           number_in(body, "bytes_per_second", 4096, 1'000'000'000, rules.bytes_per_second)})
    if (!read) return tl::unexpected(read.error());
  const auto downgrade = flag_in(body, "downgrade");
  const auto forced = flag_in(body, "forced");
  if (!downgrade) return tl::unexpected(downgrade.error());
  if (!forced) return tl::unexpected(forced.error());
  rules.downgrade = *downgrade;
  rules.forced = *forced;
  for (const auto& [name, text] :
      {std::pair("hours", &rules.window.hours), std::pair("time_zone", &rules.window.time_zone),
          std::pair("blackout", &rules.window.blackout), std::pair("health_event", &rules.health_event)}) {
    auto given = optional_text(body, name);
    if (!given) return tl::unexpected(given.error());
    *text = std::move(*given);
  }
  return rules;
}

Response no_rollout() {
  return problem(404, "Not found", "there is no such rollout");
}

// By SHA-256.
bool has_exactly(const store::ReleaseRow& release, const std::vector<std::string>& files) {
  std::set<std::string> there;
  for (const auto& module : release.modules) there.insert(module.sha256);
  return release.missing == 0 && there == std::set<std::string>(files.begin(), files.end());
}

}  // namespace

Response Api::releases() const {
  auto lease = readers_.lease();
  return json_answer(server::releases_as_json(store::load_releases(*lease)));
}

Response Api::release(const std::string& name) const {
  auto lease = readers_.lease();
  const auto release = store::load_release(*lease, name);
  return release ? json_answer(server::release_as_json(*release))
                 : problem(404, "Not found", "there is no such release");
}

Response Api::make_release(const Request& request) {
  const auto body = json_body(request, {"name", "files", "notes"});
  if (!body) return problem(body.error());
  const auto name = text_in(*body, "name");
  const auto files = texts_in(*body, "files");
  const auto notes = optional_text(*body, "notes");
  if (!name) return problem(name.error());
  if (!files) return problem(files.error());
  if (!notes) return problem(notes.error());
  auto made = std::make_shared<std::string>();
  auto known = std::make_shared<bool>(false);
  const auto changed =
      bridge_.change([made, known, name = *name, files = *files, notes = *notes](store::Database& db) -> Result<void> {
        // A build that runs once more brings the same.
        if (const auto before = store::load_release(db, name); before && has_exactly(*before, files)) {
          *made = server::release_as_json(*before);
          *known = true;
          return {};
        }
        const auto release = server::create_release(db, name, files, notes, utc_milliseconds());
        if (!release) return tl::unexpected(release.error());
        *made = server::release_as_json(*release);
        return {};
      });
  return changed ? json_answer(*made, *known ? 200 : 201) : problem(changed.error());
}

Response Api::remove_release(const std::string& name) {
  const auto changed =
      bridge_.change([name](store::Database& db) -> Result<void> { return server::remove_release(db, name); });
  return changed ? done() : problem(changed.error());
}

Response Api::rollouts() const {
  auto lease = readers_.lease();
  auto rows = store::load_rollouts(*lease, rollouts_listed);
  for (auto& row : rows)
    if (auto whole = store::load_rollout(*lease, row.id)) {
      row = std::move(*whole);
      store::say_why_they_wait(*lease, row, utc_milliseconds());
    }
  return json_answer(server::rollouts_as_json(rows));
}

Response Api::rollout(const std::string& id) const {
  const auto number = number_of(id);
  if (!number) return no_rollout();
  auto lease = readers_.lease();
  auto row = store::load_rollout(*lease, *number);
  if (row) store::say_why_they_wait(*lease, *row, utc_milliseconds());
  return row ? json_answer(server::rollout_as_json(*row)) : no_rollout();
}

Response Api::start_rollout(const Request& request) {
  const auto body = json_body(request,
      {"release", "devices", "canaries", "group", "all", "waves", "soak_minutes", "lost_after_minutes", "failures",
          "failure_percent", "at_once", "per_minute", "bytes_per_second", "hours", "time_zone", "blackout",
          "health_event", "downgrade", "forced", "label", "dry_run"});
  if (!body) return problem(body.error());
  const auto all = flag_in(*body, "all");
  const auto dry_run = flag_in(*body, "dry_run");
  for (const auto* flag : {&all, &dry_run})
    if (!*flag) return problem(flag->error());
  const auto release = text_in(*body, "release");
  const auto devices = texts_in(*body, "devices");
  const auto canaries = texts_in(*body, "canaries");
  const auto group = optional_text(*body, "group");
  const auto rules = rules_in(*body);
  if (!release) return problem(release.error());
  if (!devices) return problem(devices.error());
  if (!canaries) return problem(canaries.error());
  const auto label = optional_text(*body, "label");
  if (!group) return problem(group.error());
  if (!label) return problem(label.error());
  if (!rules) return problem(rules.error());
  if (!devices->empty() + !group->empty() + !label->empty() + *all != 1)
    return problem(422, "This cannot be used", "say which devices: 'devices', 'group', 'label', or 'all': true");
  const server::Selection selection{*devices, *group, *label, *canaries};
  if (*dry_run) {
    auto lease = readers_.lease();
    const auto plan = server::plan_rollout(*lease, *release, selection, *rules, utc_milliseconds());
    return plan ? json_answer(server::rollout_plan_as_json(*plan)) : problem(plan.error());
  }
  auto begun = std::make_shared<std::string>();
  const auto changed =
      bridge_.change([begun, release = *release, selection, rules = *rules](store::Database& db) -> Result<void> {
        const auto plan = server::plan_rollout(db, release, selection, rules, utc_milliseconds());
        if (!plan) return tl::unexpected(plan.error());
        const auto id = server::begin_rollout(db, *plan, utc_milliseconds());
        if (!id) return tl::unexpected(id.error());
        *begun = server::rollout_as_json(*store::load_rollout(db, *id));
        return {};
      });
  return changed ? json_answer(*begun, 201) : problem(changed.error());
}

Response Api::remove_rollout(const std::string& id) {
  const auto number = number_of(id);
  if (!number) return no_rollout();
  const auto changed = bridge_.change(
      [number = *number](store::Database& db) -> Result<void> { return server::remove_rollout(db, number); });
  return changed ? done() : problem(changed.error());
}

Response Api::steer_rollout(const Request& request, const std::string& id, const std::string& action) {
  using server::RolloutAction;
  const auto number = number_of(id);
  if (!number) return no_rollout();
  RolloutAction how = RolloutAction::pause;
  if (action == "resume")
    how = RolloutAction::resume;
  else if (action == "abort")
    how = RolloutAction::abort;
  else if (action == "revert")
    how = RolloutAction::revert;
  else if (action != "pause")
    return problem(404, "Not found", "a rollout is paused, resumed, aborted or reverted");
  const auto body = parse_body(request.body);
  const auto force = body.is_object() ? flag_in(body, "force") : Result<bool>(false);
  if (!force) return problem(force.error());
  const auto changed = bridge_.change([number = *number, how, force = *force](store::Database& db) -> Result<void> {
    const auto row = server::steer_rollout(db, number, how, force);
    if (!row) return tl::unexpected(row.error());
    return {};
  });
  return changed ? done() : problem(changed.error());
}

}  // namespace drydock::web
