#include "web/fleet_view.hpp"

#include "server/as_json.hpp"
#include "server/stored_view.hpp"
#include "store/groups.hpp"
#include "store/rollouts.hpp"
#include "store/updates.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace drydock::web {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr int history_shown = 100;
constexpr int steps_shown = 50;
constexpr auto counted_every = 1s;

}  // namespace

Result<std::string> FleetView::list(store::DeviceQuery query) const {
  query.away_before = away_before();
  const auto snapshot = bridge_.snapshot();
  auto lease = readers_.lease();
  auto& db = *lease;
  auto page = store::list_devices(db, query);
  if (!page) return tl::unexpected(page.error());
  std::vector<std::string> ids;
  for (const auto& device : page->devices) ids.push_back(device.row.id);
  const auto in_memory = bridge_.devices_in_memory(ids);

  std::string body = "{\"revision\":" + std::to_string(snapshot->revision) +
      ",\"membership\":" + std::to_string(snapshot->membership_revision) +
      ",\"paused\":" + (snapshot->paused ? "true" : "false") + ",\"next\":" +
      (page->next.empty() ? "null" : json(page->next).dump(-1, ' ', false, json::error_handler_t::replace)) +
      ",\"devices\":[";
  for (auto& device : page->devices) {
    if (body.back() != '[') body += ',';
    const auto fresher = in_memory.find(device.row.id);
    body += server::device_as_json(
        fresher != in_memory.end() ? fresher->second : server::stored_view(db, std::move(device)), query.away_before);
  }
  body += "]}";
  return body;
}

std::int64_t FleetView::away_before() const {
  return store::away_before(away_days_, utc_milliseconds());
}

Result<server::DeviceView> FleetView::load(store::Database& db, const std::string& id) const {
  const auto in_memory = bridge_.devices_in_memory({id});
  if (const auto fresher = in_memory.find(id); fresher != in_memory.end()) return fresher->second;
  auto view = server::stored_view(db, id);
  if (!view) return failure(ErrorKind::not_found, "there is no device " + id);
  return std::move(*view);
}

Result<std::string> FleetView::plan(const std::string& id, const std::vector<std::string>& modules) const {
  auto lease = readers_.lease();
  const auto view = load(*lease, id);
  if (!view) return tl::unexpected(view.error());
  const auto library = bridge_.snapshot()->library;
  auto targets = view->policy.targets;
  const auto own_end = targets.targets.begin() + static_cast<std::ptrdiff_t>(view->policy.own_targets);
  const std::vector own(targets.targets.begin(), own_end);
  const std::vector of_rollout(own_end, targets.targets.end());
  targets.targets.clear();
  const auto lie_over = [&](const planning::Target& target) {
    std::erase_if(targets.targets, [&](const auto& other) { return other.key == target.key; });
    targets.targets.push_back(target);
  };
  for (const auto& target : own)
    if (std::find(modules.begin(), modules.end(), target.sha256) != modules.end()) lie_over(target);
  for (const auto& sha256 : modules) {
    if (std::any_of(own.begin(), own.end(), [&](const auto& target) { return target.sha256 == sha256; })) continue;
    const auto* module = library->find(sha256);
    if (module == nullptr || module->platform != view->row.platform)
      return failure(ErrorKind::not_found, "there is no such file for this device in the library");
    for (const auto& target : planning::targets_of(*module)) lie_over(target);
  }
  for (const auto& target : of_rollout)
    if (!targets.names(target.key)) targets.targets.push_back(target);
  const auto plan = planning::plan(server::last_report(*view), *library, targets);
  auto body = json::parse(server::plan_as_json(view->row.platform, plan));
  body["downgrades"] = std::count_if(plan.steps.begin(), plan.steps.end(),
      [](const auto& step) { return step.from_version && *step.from_version > step.module.version; });
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> FleetView::device(const std::string& id) const {
  auto lease = readers_.lease();
  auto& db = *lease;
  auto loaded = load(db, id);
  if (!loaded) return tl::unexpected(loaded.error());
  auto& view = *loaded;
  // As it would be planned if it came now and still had what it said last.
  if (!view.row.connected && view.row.approval == "approved" && !view.modules_stored.empty())
    view.plan = planning::plan(server::last_report(view), *bridge_.snapshot()->library, view.policy.targets);
  auto body = json::parse(server::device_as_json(view, away_before()));
  const auto application = json::parse(view.row.application, nullptr, false);
  body["application"] = application.is_object() ? application : json();
  body["history"] = json::parse(server::history_as_json(store::recent_history(db, id, history_shown)));
  body["awaited_rollout"] = nullptr;
  if (const auto rollout = store::load_awaited_rollout(db, id))
    body["awaited_rollout"] = {{"id", rollout->id}, {"stage", rollout->stage}};
  body["labels"] = store::load_labels(db, id);
  body["steps"] = json::parse(server::steps_as_json(store::recent_steps(db, id, steps_shown)));
  return body.dump();
}

std::string FleetView::summary(const service::Snapshot& snapshot) const {
  std::map<std::string, std::int64_t> counts;
  json stopped;
  {
    const std::lock_guard lock(counting_);
    if (const auto now = Clock::now(); counted_ == Clock::time_point{} || now - counted_ >= counted_every) {
      auto lease = readers_.lease();
      auto& db = *lease;
      counts_ = store::count_devices(db, away_before());
      stopped_rollouts_ = json::array();
      for (const auto& row : store::load_stopped_rollouts(db))
        stopped_rollouts_.push_back({{"id", row.id}, {"release", row.release}, {"words", row.rollout.words}});
      counted_ = now;
    }
    counts = counts_;
    stopped = stopped_rollouts_;
  }
  std::int64_t devices = 0;
  for (const auto& [state, count] : counts) devices += count;
  return json{{"membership", snapshot.membership_revision}, {"paused", snapshot.paused},
      {"connected", snapshot.connected}, {"devices", devices}, {"states", counts}, {"stopped_rollouts", stopped}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string FleetView::changed_elsewhere(
    const std::vector<std::string>& ids, std::map<std::string, std::string>& shown) const {
  const auto in_memory = bridge_.devices_in_memory(ids);
  auto lease = readers_.lease();
  auto& db = *lease;
  std::string list;
  for (const auto& id : ids) {
    if (in_memory.contains(id)) continue;
    const auto view = server::stored_view(db, id);
    if (!view) continue;
    auto text = server::device_as_json(*view, away_before());
    auto& before = shown[id];
    if (before == text) continue;
    before = text;
    list += (list.empty() ? "[" : ",") + text;
  }
  return list.empty() ? list : list + "]";
}

std::string FleetView::changed(const std::vector<std::string>& ids, std::uint64_t revision) const {
  std::string list;
  for (const auto& [id, view] : bridge_.devices_in_memory(ids, revision))
    list += (list.empty() ? "[" : ",") + server::device_as_json(view, away_before());
  return list.empty() ? list : list + "]";
}

}  // namespace drydock::web
