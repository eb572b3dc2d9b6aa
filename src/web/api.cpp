#include "web/api.hpp"

#include "web/assets.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "web/audit_note.hpp"
#include "web/json_body.hpp"

#include <algorithm>
#include <array>

namespace drydock::web {
namespace {

constexpr std::string_view prefix = "/api/v1/";
constexpr std::string_view bearer = "Bearer ";

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    parts.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return parts;
}

bool changes_something(const Request& request) {
  return request.method != "GET" && request.method != "HEAD";
}

bool is_open_to_all(const Request& request) {
  return request.path == "/api/v1/setup" || request.path == "/api/v1/login" || request.path == "/api/v1/session" ||
      request.path == "/api/v1/openapi.json";
}

std::vector<std::string> parts_of(const Request& request) {
  if (!request.path.starts_with(prefix)) return {};
  return split(std::string_view(request.path).substr(prefix.size()));
}

// One's own password, login and tokens.
bool is_own_access(const std::vector<std::string>& path) {
  return path[0] == "logout" || path[0] == "password" || path[0] == "tokens";
}

// What is not listed needs somebody who may look, or who may say what devices run.
Scope needed_scope(const Request& request, const std::vector<std::string>& path) {
  if (path[0] == "users" || path[0] == "audit" || path[0] == "keys" || path[0] == "system" || path[0] == "check" ||
      path[0] == "log" || path[0] == "backup" || path[0] == "restore" || path[0] == "integrations")
    return Scope::administer;
  if (!changes_something(request)) return Scope::read;
  if (path[0] == "devices" && path.size() == 3 &&
      (path[2] == "approve" || path[2] == "keep_key" || path[2] == "refuse" || path[2] == "forget" ||
          path[2] == "replace"))
    return Scope::administer;
  if (path[0] == "fleet" && path.size() == 2 && path[1] == "forget_pending") return Scope::administer;
  if (request.method == "POST" && path.size() == 1 && (path[0] == "firmware" || path[0] == "releases"))
    return Scope::release;
  return Scope::flash;
}

constexpr std::size_t longest_body_told = 200;

std::string plain_text_in(const nlohmann::json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_string() ? object[name].get<std::string>() : "";
}

// Of what has secrets in it, that which people call it by.
std::string name_told(const Request& request, const Response& response) {
  const auto body = parse_body(request.body);
  if (plain_text_in(body, "name").empty()) return "";
  const auto answer = nlohmann::json::parse(response.body, nullptr, false);
  const auto id = answer.is_object() && request.method == "POST" && answer.contains("id") ? answer["id"].dump() : "";
  auto sort = plain_text_in(body, "kind") + plain_text_in(body, "scopes");
  return fmt::format(
      "{}{} '{}'{}", id.empty() ? "" : "/", id, plain_text_in(body, "name"), sort.empty() ? "" : " (" + sort + ")");
}

// What a change was about: "set targets/fleet {…}". Only what is known to hold no secret and no file is told with its
// body.
std::string told(const Request& request, const Response& response) {
  constexpr std::array<std::string_view, 6> open{"devices", "fleet", "releases", "rollouts", "targets", "groups"};
  auto words = request.method == "DELETE" ? "remove "
      : request.method == "PUT"           ? "set "
      : request.method == "PATCH"         ? "change "
                                          : std::string();
  words += request.path.substr(std::min(prefix.size(), request.path.size()));
  const auto path = parts_of(request);
  // Devices that follow the latest take such a file: which one it was, and who brought it.
  if (request.method == "POST" && path == std::vector<std::string>{"firmware"}) {
    const auto file = nlohmann::json::parse(response.body, nullptr, false);
    if (file.is_object() && file.contains("sha256"))
      return fmt::format("{} {} (SHA-256 {})", words, file.value("file", ""), file.value("sha256", ""));
  }
  if (!path.empty() && (path[0] == "integrations" || path[0] == "tokens") && !request.body.empty())
    return words + shorten(log::printable(name_told(request, response)), longest_body_told);
  const bool may_be_told = !path.empty() && std::find(open.begin(), open.end(), path[0]) != open.end();
  if (!may_be_told || request.body.empty()) return words;
  const auto lower = lower_ascii(request.body);
  for (const auto* secret : {"password", "token", "secret"})
    if (lower.find(secret) != std::string::npos) return words;
  return words + " " + shorten(log::printable(request.body), longest_body_told);
}

// A dry run changes nothing, and answers otherwise than a rollout that begins.
bool is_dry_run(const Request& request, const Response& response) {
  return request.path == "/api/v1/rollouts" && response.status == 200;
}

Response not_allowed(Scope needed) {
  return problem(403, "Not allowed", lacking_words(needed));
}

}  // namespace

std::optional<Identity> Api::known(const Request& request) const {
  const auto& authorization = request.header("authorization");
  if (authorization.starts_with(bearer))
    if (auto found = authentication_.by_token(authorization.substr(bearer.size()), options_.running())) return found;
  return authentication_.by_session(request.cookie("drydock"), options_.running());
}

std::optional<Identity> Api::identity(const Request& request) const {
  if (auto found = known(request)) return found;
  if (!options_.guest_read_access) return std::nullopt;
  return Identity{"", "guest", {Scope::read}};
}

std::optional<Response> Api::refuse(const Request& request) const {
  const auto& authorization = request.header("authorization");
  // Words in a header are no token: a browser's page can be made to send them beside the cookie.
  const bool by_token = authorization.starts_with(bearer) &&
      authentication_.by_token(authorization.substr(bearer.size()), options_.running()).has_value();
  if (authorization.starts_with(bearer) && !by_token && request.cookie("drydock").empty())
    return problem(401, "Log in first", "this token is unknown, or its time is over");
  if (changes_something(request) && !by_token && !comes_from_our_page(request))
    return problem(
        403, "Not allowed", "a change needs the header 'X-Drydock: 1' and must come from this page, or an API token");
  const auto path = parts_of(request);
  if (path.empty() || is_open_to_all(request)) return std::nullopt;
  const auto who = identity(request);
  if (!who) return problem(401, "Log in first");
  if (is_guest(request) && (changes_something(request) || is_own_access(path)))
    return problem(403, "Not allowed", "guests may look at the fleet only: log in");
  if (is_own_access(path)) {
    if (who->by_session || who->scopes.has(Scope::administer)) return std::nullopt;
    return not_allowed(Scope::administer);
  }
  const auto needed = needed_scope(request, path);
  return who->scopes.has(needed) ? std::nullopt : std::optional(not_allowed(needed));
}

Response Api::handle(const Request& request) {
  if (auto refused = refuse(request)) return *refused;
  const auto who = identity(request);
  if (!who && !is_open_to_all(request)) return problem(401, "Log in first");
  try {
    authentication_.write_token_uses();
    auto response = route(request, who.value_or(Identity{}));
    if (response.status >= 500)
      log::error("the API: {} {}: {}", request.method, log::printable(request.path), response.body);
    if (who && changes_something(request) && !is_open_to_all(request) && !is_dry_run(request, response))
      note_change(bridge_, *who, who->by_session ? "page" : "API token", told(request, response), response);
    return response;
  } catch (const store::Unavailable& e) {
    return problem(503, "The database cannot be reached", e.what());
  } catch (const std::exception& e) {
    log::error("the API: {} {}: {}", request.method, request.path, e.what());
    return problem(500, "It did not work", e.what());
  }
}

// What needs a scope was refused without it.
Response Api::route(const Request& request, const Identity& identity) {
  if (!request.path.starts_with(prefix)) return problem(404, "Not found");
  const auto parts = parts_of(request);
  const std::string_view asked =
      request.method == "HEAD" ? "GET" : std::string_view(request.method);  // the server leaves the body out
  const auto is = [&](std::string_view method, std::initializer_list<std::string_view> path) {
    return asked == method && path_matches(parts, path);
  };

  if (is("GET", {"openapi.json"})) return {200, "application/json", std::string(asset("openapi.json")->content)};
  if (is("GET", {"session"})) return session(request);
  if (is("POST", {"setup"})) return set_up(request);
  if (is("POST", {"login"})) return log_in(request);

  if (is("GET", {"status"})) return status();
  if (is("GET", {"devices"})) return devices(request);
  if (is("GET", {"devices", "*"})) return device(parts[1]);
  if (is("GET", {"devices", "*", "plan"})) return plan(request, parts[1]);
  if (is("GET", {"firmware"})) return firmware();
  if (is("GET", {"firmware", "*", "uses"})) return firmware_uses(parts[1]);
  if (is("GET", {"keys"})) return keys();
  if (is("GET", {"system"})) return system();
  if (is("GET", {"check"})) return check();
  if (is("GET", {"log"})) return log_lines();
  if (is("GET", {"history"})) return history(request);
  if (is("POST", {"backup"})) return backup(request, identity);
  if (is("POST", {"restore", "file"})) return keep_backup(request);
  if (is("POST", {"restore"})) return restore(request, identity);
  if (is("GET", {"keys", "*"})) return key_file(request, parts[1]);

  if (is("POST", {"logout"})) return log_out(request);
  if (is("POST", {"password"})) return password(request);
  if (is("GET", {"tokens"})) return tokens(identity);
  if (is("POST", {"tokens"})) return make_token(request, identity);
  if (is("DELETE", {"tokens", "*"})) return remove_token(parts[1], identity);
  if (is("GET", {"users"})) return users();
  if (is("PUT", {"users", "*"})) return save_user(request, parts[1], identity);
  if (is("DELETE", {"users", "*"})) return remove_user(parts[1], identity);
  if (is("GET", {"releases"})) return releases();
  if (is("POST", {"releases"})) return make_release(request);
  if (is("DELETE", {"releases", "*"})) return remove_release(parts[1]);
  if (is("GET", {"releases", "*"})) return release(parts[1]);
  if (is("GET", {"rollouts"})) return rollouts();
  if (is("DELETE", {"rollouts", "*"})) return remove_rollout(parts[1]);
  if (is("GET", {"rollouts", "*"})) return rollout(parts[1]);
  if (is("POST", {"rollouts"})) return start_rollout(request);
  if (is("POST", {"rollouts", "*", "*"})) return steer_rollout(request, parts[1], parts[2]);
  if (is("GET", {"targets"})) return policies();
  if (is("PUT", {"targets", "fleet"})) return set_policy(request, "fleet", "");
  if (is("PUT", {"targets", "*", "*"})) return set_policy(request, parts[1], parts[2]);
  if (is("DELETE", {"targets", "fleet"})) return remove_policy("fleet", "");
  if (is("DELETE", {"targets", "*", "*"})) return remove_policy(parts[1], parts[2]);
  if (is("GET", {"groups"})) return groups();
  if (is("POST", {"groups", "rules"})) return add_group_rule(request);
  if (is("DELETE", {"groups", "rules", "*"})) return remove_group_rule(parts[2]);
  if (is("GET", {"audit"})) return audit(request);
  if (is("GET", {"integrations"})) return integrations();
  if (is("POST", {"integrations"})) return add_integration(request);
  if (is("PUT", {"integrations", "*"})) return save_integration(request, parts[1]);
  if (is("DELETE", {"integrations", "*"})) return remove_integration(parts[1]);
  if (is("POST", {"integrations", "*", "test"})) return test_integration(parts[1]);
  if (is("POST", {"integrations", "*", "retry"})) return retry_integration(parts[1]);
  if (is("GET", {"integrations", "*", "dead"})) return dead_deliveries(parts[1]);
  if (is("DELETE", {"integrations", "*", "dead"})) return remove_dead_deliveries(parts[1]);
  if (is("PUT", {"devices", "*", "labels", "*"})) return set_label(parts[1], parts[3], true);
  if (is("DELETE", {"devices", "*", "labels", "*"})) return set_label(parts[1], parts[3], false);
  if (is("PATCH", {"devices", "*"})) return rename(request, parts[1]);
  if (is("PUT", {"devices", "*", "targets"})) return targets(request, parts[1]);
  if (is("POST", {"devices", "*", "*"})) return act(request, parts[1], parts[2]);
  if (is("POST", {"fleet", "*"})) return act_on_all(request, parts[1]);
  if (is("POST", {"firmware"})) return upload(request);
  if (is("DELETE", {"firmware", "*"})) return remove(parts[1]);

  static constexpr std::string_view known[] = {"session", "setup", "login", "logout", "password", "tokens", "users",
      "status", "devices", "fleet", "firmware", "releases", "rollouts", "targets", "groups", "audit", "keys", "events",
      "integrations", "openapi.json"};
  const bool path_known = !parts.empty() && std::find(std::begin(known), std::end(known), parts[0]) != std::end(known);
  if (path_known && parts.size() <= 1) return problem(405, "Wrong method", request.method + " means nothing here");
  return problem(404, "Not found");
}

}  // namespace drydock::web
