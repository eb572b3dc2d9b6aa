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

namespace drydock::web {
namespace {

using nlohmann::json;

constexpr int rollouts_listed = 20;

// Of JSON texts; empty where there is none of that name.
Result<std::vector<std::string>> texts_in(const json& body, const char* name) {
  std::vector<std::string> texts;
  const auto found = body.find(name);
  if (found == body.end()) return texts;
  const auto bad = [&] { return failure(ErrorKind::malformed, std::string("'") + name + "' must be a list of texts"); };
  if (!found->is_array()) return bad();
  for (const auto& text : *found) {
    if (!text.is_string()) return bad();
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

Result<std::string> optional_text(const json& body, const char* name) {
  return body.contains(name) ? text_in(body, name) : Result<std::string>("");
}

Result<bool> flag_in(const json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end()) return false;
  if (!found->is_boolean()) return failure(ErrorKind::malformed, fmt::format("'{}' must be true or false", name));
  return found->get<bool>();
}

// A mistyped name must not be taken for one that was left out.
Result<void> nothing_else_in(const json& body, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : body.items())
    if (std::find(known.begin(), known.end(), name) == known.end())
      return failure(ErrorKind::malformed, fmt::format("'{}' means nothing here", log::printable(shorten(name, 64))));
  return {};
}

// Leaves `to` as it is where there is none of that name.
template <class Number>
Result<void> number_in(
    const json& body, const char* name, std::int64_t least, std::int64_t most, Number& to, std::int64_t unit = 1) {
  const auto found = body.find(name);
  if (found == body.end()) return {};
  if (!found->is_number_integer() || *found < least || *found > most)
    return failure(ErrorKind::malformed, fmt::format("'{}' must be a whole number from {} to {}", name, least, most));
  to = static_cast<Number>(found->get<std::int64_t>() * unit);
  return {};
}

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
           number_in(body, "per_minute", 0, 1'000'000, rules.per_minute)})
    if (!read) return tl::unexpected(read.error());
  return rules;
}

Response json_answer(std::string body, int status = 200) {
  return {status, "application/json", std::move(body)};
}

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Response no_rollout() {
  return problem(404, "Not found", "there is no such rollout");
}

}  // namespace

Response Api::releases() const {
  auto lease = readers_.lease();
  return json_answer(server::releases_as_json(store::load_releases(*lease)));
}

Response Api::make_release(const Request& request) {
  const auto body = json_body(request);
  if (!body) return problem(body.error());
  const auto name = text_in(*body, "name");
  const auto files = texts_in(*body, "files");
  const auto notes = optional_text(*body, "notes");
  if (!name) return problem(name.error());
  if (!files) return problem(files.error());
  if (!notes) return problem(notes.error());
  auto made = std::make_shared<std::string>();
  const auto changed =
      bridge_.change([made, name = *name, files = *files, notes = *notes](store::Database& db) -> Result<void> {
        const auto release = server::create_release(db, name, files, notes, utc_milliseconds());
        if (!release) return tl::unexpected(release.error());
        *made = server::release_as_json(*release);
        return {};
      });
  return changed ? json_answer(*made, 201) : problem(changed.error());
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
    if (auto whole = store::load_rollout(*lease, row.id)) row = std::move(*whole);
  return json_answer(server::rollouts_as_json(rows));
}

Response Api::rollout(const std::string& id) const {
  const auto number = number_of(id);
  if (!number) return no_rollout();
  auto lease = readers_.lease();
  const auto row = store::load_rollout(*lease, *number);
  return row ? json_answer(server::rollout_as_json(*row)) : no_rollout();
}

Response Api::start_rollout(const Request& request) {
  const auto body = json_body(request);
  if (!body) return problem(body.error());
  const auto known = nothing_else_in(*body,
      {"release", "devices", "canaries", "group", "all", "waves", "soak_minutes", "lost_after_minutes", "failures",
          "failure_percent", "at_once", "per_minute", "downgrade", "dry_run"});
  if (!known) return problem(known.error());
  const auto all = flag_in(*body, "all");
  const auto downgrade = flag_in(*body, "downgrade");
  const auto dry_run = flag_in(*body, "dry_run");
  for (const auto* flag : {&all, &downgrade, &dry_run})
    if (!*flag) return problem(flag->error());
  const auto release = text_in(*body, "release");
  const auto devices = texts_in(*body, "devices");
  const auto canaries = texts_in(*body, "canaries");
  const auto group = optional_text(*body, "group");
  const auto rules = rules_in(*body);
  if (!release) return problem(release.error());
  if (!devices) return problem(devices.error());
  if (!canaries) return problem(canaries.error());
  if (!group) return problem(group.error());
  if (!rules) return problem(rules.error());
  if (!devices->empty() + !group->empty() + *all != 1)
    return problem(422, "This cannot be used", "say which devices: 'devices', 'group', or 'all': true");
  const server::Selection selection{*devices, *group, *canaries};
  if (*dry_run) {
    auto lease = readers_.lease();
    const auto plan = server::plan_rollout(*lease, *release, selection, *rules, *downgrade);
    return plan ? json_answer(server::rollout_plan_as_json(*plan)) : problem(plan.error());
  }
  auto begun = std::make_shared<std::string>();
  const auto changed = bridge_.change([begun, release = *release, selection, rules = *rules, downgrade = *downgrade](
                                          store::Database& db) -> Result<void> {
    const auto plan = server::plan_rollout(db, release, selection, rules, downgrade);
    if (!plan) return tl::unexpected(plan.error());
    const auto id = server::begin_rollout(db, *plan, utc_milliseconds());
    if (!id) return tl::unexpected(id.error());
    *begun = server::rollout_as_json(*store::load_rollout(db, *id));
    return {};
  });
  return changed ? json_answer(*begun, 201) : problem(changed.error());
}

Response Api::steer_rollout(const std::string& id, const std::string& action) {
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
  const auto changed = bridge_.change([number = *number, how](store::Database& db) -> Result<void> {
    const auto row = server::steer_rollout(db, number, how);
    if (!row) return tl::unexpected(row.error());
    return {};
  });
  return changed ? done() : problem(changed.error());
}

}  // namespace drydock::web
