// The fleet: looking at it, and what people decide about it.
#include "web/api.hpp"
#include "web/json_body.hpp"

#include "server/as_json.hpp"
#include "server/commands.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "firmware/platforms.hpp"
#include "firmware/releases.hpp"
#include "version.hpp"

#include <charconv>
#include <sstream>
#include <fmt/core.h>

namespace drydock::web {

using nlohmann::json;
namespace commands = server::commands;

namespace {

constexpr int refusals_shown = 20;

Result<store::DeviceQuery> device_query_of(const Request& request) {
  static const std::map<std::string, store::DeviceOrder> orders{{"", store::DeviceOrder::label},
      {"urgency", store::DeviceOrder::urgency}, {"name", store::DeviceOrder::label},
      {"state", store::DeviceOrder::state}, {"platform", store::DeviceOrder::platform},
      {"last_seen", store::DeviceOrder::last_seen}, {"first_seen", store::DeviceOrder::first_seen}};
  store::DeviceQuery query;
  auto order = request.parameter("sort");
  query.descending = order.starts_with('-');
  if (query.descending) order.erase(0, 1);
  const auto found = orders.find(order);
  if (found == orders.end())
    return failure(ErrorKind::malformed,
        "'sort' is urgency, name, state, platform, last_seen or first_seen, with '-' before it for the reverse");
  query.order = found->second;
  query.state = request.parameter("state");
  if (!query.state.empty() && !store::is_shown_state(query.state))
    return failure(ErrorKind::malformed, "there is no such 'state'");
  query.group = request.parameter("group");
  query.label = request.parameter("label");
  query.search = request.parameter("search");
  if (!query.search.empty()) {
    query.platforms_of_search = firmware::platforms_like(query.search);
    query.versions_of_search = firmware::versions_like(query.search);
  }
  query.after = request.parameter("after");
  if (const auto connected = request.parameter("connected"); !connected.empty()) {
    if (connected != "true" && connected != "false")
      return failure(ErrorKind::malformed, "'connected' is true or false");
    query.connected = connected == "true";
  }
  if (const auto limit = request.parameter("limit"); !limit.empty()) {
    const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), query.limit);
    if (error != std::errc() || end != limit.data() + limit.size() || query.limit < 1 ||
        query.limit > limits::devices_in_a_list)
      return failure(ErrorKind::malformed, fmt::format("'limit' is a number from 1 to {}", limits::devices_in_a_list));
  }
  return query;
}

// A change of one device, which must be there.
service::LoopBridge::Work on_device(
    const std::string& id, std::function<Result<void>(store::Database&, const store::DeviceRow&)> work) {
  return [id, work = std::move(work)](store::Database& db) -> Result<void> {
    const auto row = store::load_device(db, id);
    if (!row) return failure(ErrorKind::not_found, "there is no device " + id);
    return work(db, *row);
  };
}

}  // namespace

Response Api::status() const {
  auto body = json::parse(view_.summary(*bridge_.snapshot()));
  body["version"] = version;
  body["loop_delay_ms"] = std::chrono::duration<double, std::milli>(bridge_.snapshot()->longest_delay).count();
  body["server_key"] = options_.server_key;
  body["refusals"] = json::array();
  auto lease = readers_.lease();
  auto& db = *lease;
  body["nodes"] = json::parse(server::nodes_as_json(store::load_nodes(db)))["nodes"];
  for (const auto* kind : {"refused", "wrong_server_key", "changed_key"}) {
    const auto refusals = json::parse(server::history_as_json(store::recent_history_of_kind(db, kind, refusals_shown)));
    body["refusals"].insert(body["refusals"].end(), refusals.begin(), refusals.end());
  }
  return {200, "application/json", body.dump()};
}

Response Api::devices(const Request& request) const {
  const auto query = device_query_of(request);
  if (!query) return problem(query.error());
  auto body = view_.list(*query);
  return body ? Response{200, "application/json", std::move(*body)} : problem(body.error());
}

Response Api::device(const std::string& id) const {
  auto body = view_.device(id);
  return body ? Response{200, "application/json", std::move(*body)} : problem(body.error());
}

Response Api::plan(const Request& request, const std::string& id) const {
  std::vector<std::string> modules;
  std::istringstream list(request.parameter("modules"));
  for (std::string sha256; std::getline(list, sha256, ',');) modules.push_back(sha256);
  auto body = view_.plan(id, modules);
  return body ? Response{200, "application/json", std::move(*body)} : problem(body.error());
}

Response Api::rename(const Request& request, const std::string& id) {
  const auto body = json_body(request, {"name", "group", "remarks"});
  if (!body) return problem(body.error());
  if (body->empty()) return problem(422, "This cannot be used", "say 'name', 'group' or 'remarks'");
  std::map<std::string, std::string> texts;
  for (const auto& [field, value] : body->items()) {
    auto text = text_in(*body, field.c_str());
    if (!text) return problem(text.error());
    texts[field] = std::move(*text);
  }
  const auto changed =
      bridge_.change(on_device(id, [texts](store::Database& db, const store::DeviceRow& row) -> Result<void> {
        for (const auto& [field, text] : texts) {
          auto done = Result<void>();
          if (field == "name")
            done = commands::rename(db, row.id, text);
          else if (field == "group")
            done = commands::set_group(db, row.id, text);
          else
            commands::annotate(db, row.id, text);
          if (!done) return done;
        }
        return {};
      }));
  return changed ? done() : problem(changed.error());
}

Response Api::targets(const Request& request, const std::string& id) {
  const auto body = json_body(request, {"modules"});
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
        return commands::set_targets(db, row, modules);
      }));
  return changed ? done() : problem(changed.error());
}

Response Api::act(const Request& request, const std::string& id, const std::string& action) {
  using Act = std::function<Result<void>(store::Database&, const store::DeviceRow&)>;
  if (action == "replace") return replace(request, id);
  std::string new_key;
  if (!request.body.empty()) {
    const auto body = json_body(request, {"new_key"});
    if (!body) return problem(body.error());
    auto text = optional_text(*body, "new_key");
    if (!text)
      return problem(422, "This cannot be used", "'new_key' must be the fingerprint of the key to trust from now on");
    new_key = std::move(*text);
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
      {"keep_key", plainly(commands::keep_key)},
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

Response Api::replace(const Request& request, const std::string& id) {
  const auto body = json_body(request, {"by"});
  if (!body) return problem(body.error());
  const auto by = text_in(*body, "by");
  if (!by) return problem(by.error());
  const auto changed =
      bridge_.change(on_device(id, [by = *by](store::Database& db, const store::DeviceRow& row) -> Result<void> {
        return commands::replace(db, row, by);
      }));
  return changed ? done() : problem(changed.error());
}

Response Api::act_on_all(const Request& request, const std::string& action) {
  if (!request.body.empty())
    if (const auto body = json_body(request, {}); !body) return problem(body.error());
  service::LoopBridge::Work work;
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
    work = [](store::Database& db) -> Result<void> {
      commands::update_all(db);
      return {};
    };
  } else {
    return problem(404, "Not found", "'" + action + "' is nothing the fleet can be told");
  }
  const auto changed = bridge_.change(std::move(work));
  return changed ? done() : problem(changed.error());
}

}  // namespace drydock::web
