// The fleet: looking at it, and what people decide about it.
#include "web/api.hpp"
#include "web/json_body.hpp"

#include "server/as_json.hpp"
#include "server/commands.hpp"
#include "base/clock.hpp"
#include "version.hpp"

namespace drydock::web {

using nlohmann::json;
namespace commands = server::commands;

namespace {

constexpr int history_shown = 100;
constexpr int steps_shown = 50;
constexpr int refusals_shown = 20;

// A change of one device, which must be there.
LoopBridge::Work on_device(
    const std::string& id, std::function<Result<void>(store::Database&, const store::DeviceRow&)> work) {
  return [id, work = std::move(work)](store::Database& db) -> Result<void> {
    const auto row = store::load_device(db, id);
    if (!row) return failure(ErrorKind::not_found, "there is no device " + id);
    return work(db, *row);
  };
}

}  // namespace

Response Api::status() const {
  const auto snapshot = bridge_.snapshot();
  auto db = store::Database::open(folder_.database(), store::Access::read_only);
  auto refusals = json::parse(server::history_as_json(store::recent_history_of_kind(db, "refused", refusals_shown)));
  const auto wrong_keys =
      json::parse(server::history_as_json(store::recent_history_of_kind(db, "wrong_server_key", refusals_shown)));
  refusals.insert(refusals.end(), wrong_keys.begin(), wrong_keys.end());
  const json body{{"version", version}, {"devices", snapshot->devices.size()}, {"paused", snapshot->paused},
      {"server_key", options_.server_key}, {"refusals", refusals}};
  return {200, "application/json", body.dump()};
}

Response Api::devices() const {
  const auto snapshot = bridge_.snapshot();
  std::string body = "{\"revision\":" + std::to_string(snapshot->revision) +
      ",\"paused\":" + (snapshot->paused ? "true" : "false") + ",\"devices\":[";
  for (const auto& [id, device] : snapshot->devices) {
    if (body.back() != '[') body += ',';
    body += device->json;
  }
  body += "]}";
  return {200, "application/json", std::move(body)};
}

Response Api::device(const std::string& id) const {
  const auto snapshot = bridge_.snapshot();
  const auto found = snapshot->devices.find(id);
  if (found == snapshot->devices.end()) return problem(404, "Not found", "there is no device " + id);
  auto body = json::parse(found->second->json);
  auto db = store::Database::open(folder_.database(), store::Access::read_only);
  body["history"] = json::parse(server::history_as_json(store::recent_history(db, id, history_shown)));
  body["steps"] = json::parse(server::steps_as_json(store::recent_steps(db, id, steps_shown)));
  return {200, "application/json", body.dump()};
}

Response Api::rename(const Request& request, const std::string& id) {
  const auto body = json_body(request);
  if (!body) return problem(body.error());
  const auto name = text_in(*body, "name");
  if (!name) return problem(name.error());
  const auto changed =
      bridge_.change(on_device(id, [name = *name](store::Database& db, const store::DeviceRow& row) -> Result<void> {
        commands::rename(db, row.id, name);
        return {};
      }));
  return changed ? done() : problem(changed.error());
}

Response Api::targets(const Request& request, const std::string& id) {
  const auto body = json_body(request);
  if (!body) return problem(body.error());
  const auto given = body->find("modules");
  if (given == body->end() || !given->is_array())
    return problem(422, "This cannot be used", "'modules' must be a list of SHA-256 sums");
  std::vector<std::string> modules;
  for (const auto& module : *given) {
    if (!module.is_string()) return problem(422, "This cannot be used", "'modules' must be a list of SHA-256 sums");
    modules.push_back(module.get<std::string>());
  }
  const auto changed =
      bridge_.change(on_device(id, [modules](store::Database& db, const store::DeviceRow& row) -> Result<void> {
        commands::clear_targets(db, row.id);
        for (const auto& module : modules)
          if (const auto added = commands::add_target(db, row, module); !added) return tl::unexpected(added.error());
        return {};
      }));
  return changed ? done() : problem(changed.error());
}

Response Api::act(const Request& request, const std::string& id, const std::string& action) {
  using Act = std::function<Result<void>(store::Database&, const store::DeviceRow&)>;
  const auto body = json::parse(request.body, nullptr, false);
  std::string new_key;
  if (body.is_object() && body.contains("new_key")) {
    if (!body["new_key"].is_string())
      return problem(422, "This cannot be used", "'new_key' must be the fingerprint of the key to trust from now on");
    new_key = body["new_key"].get<std::string>();
  }
  const auto plainly = [](auto command) -> Act {
    return [command](store::Database& db, const store::DeviceRow& row) -> Result<void> {
      command(db, row.id);
      return {};
    };
  };
  const std::map<std::string, Act, std::less<>> acts{
      {"approve",
          [new_key](
              store::Database& db, const store::DeviceRow& row) { return commands::approve(db, row.id, new_key); }},
      {"refuse", plainly(commands::refuse)},
      {"retry", plainly(commands::retry)},
      {"hold", plainly([](store::Database& db, const std::string& device) { commands::hold(db, device, true); })},
      {"release", plainly([](store::Database& db, const std::string& device) { commands::hold(db, device, false); })},
      {"force", plainly([](store::Database& db, const std::string& device) { commands::force(db, device, true); })},
      {"forget", plainly(commands::forget)},
  };
  const auto found = acts.find(action);
  if (found == acts.end()) return problem(404, "Not found", "'" + action + "' is nothing a device can be told");
  const auto changed = bridge_.change(on_device(id, found->second));
  return changed ? done() : problem(changed.error());
}

Response Api::act_on_all(const std::string& action) {
  LoopBridge::Work work;
  if (action == "pause" || action == "resume") {
    work = [paused = action == "pause"](store::Database& db) -> Result<void> {
      commands::pause(db, paused);
      return {};
    };
  } else if (action == "forget_pending") {
    work = [](store::Database& db) -> Result<void> {
      commands::forget_pending(db);
      return {};
    };
  } else if (action == "update") {
    // Whatever held an approved device back, except that it is not possible.
    work = [](store::Database& db) -> Result<void> {
      commands::pause(db, false);
      for (const auto& row : store::load_devices(db)) {
        if (row.approval != "approved") continue;
        commands::hold(db, row.id, false);
        commands::retry(db, row.id);
      }
      return {};
    };
  } else {
    return problem(404, "Not found", "'" + action + "' is nothing the fleet can be told");
  }
  const auto changed = bridge_.change(std::move(work));
  return changed ? done() : problem(changed.error());
}

}  // namespace drydock::web
