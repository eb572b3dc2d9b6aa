#include "web/api.hpp"

#include "web/assets.hpp"

#include "base/clock.hpp"

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
  return request.path == "/api/v1/setup" || request.path == "/api/v1/login";
}

}  // namespace

Api::Access Api::access(const Request& request) const {
  const auto& authorization = request.header("authorization");
  if (authorization.starts_with(bearer) &&
      authentication_.knows_token(authorization.substr(bearer.size()), options_.running()))
    return Access::full;
  if (authentication_.knows_session(request.cookie("drydock"), options_.running())) return Access::full;
  return options_.guest_read_access ? Access::read : Access::none;
}

std::optional<Response> Api::refuse(const Request& request) const {
  const auto& authorization = request.header("authorization");
  // Words in a header are no token: a browser's page can be made to send them beside the cookie.
  const bool by_token = authorization.starts_with(bearer) &&
      authentication_.knows_token(authorization.substr(bearer.size()), options_.running());
  if (changes_something(request) && !by_token && !comes_from_our_page(request))
    return problem(
        403, "Not allowed", "a change needs the header 'X-Drydock: 1' and must come from this page, or an API token");
  if (!changes_something(request) || is_open_to_all(request)) return std::nullopt;
  const auto may = access(request);
  if (may == Access::none) return problem(401, "Log in first");
  if (may != Access::full) return problem(403, "Not allowed", "guests may look at the fleet only: log in");
  return std::nullopt;
}

Response Api::handle(const Request& request) {
  if (auto refused = refuse(request)) return *refused;
  try {
    return route(request, access(request));
  } catch (const store::Unavailable& e) {
    return problem(503, "The database cannot be reached", e.what());
  } catch (const std::exception& e) {
    log::error("the API: {} {}: {}", request.method, request.path, e.what());
    return problem(500, "It did not work", e.what());
  }
}

Response Api::route(const Request& request, Access access) {
  if (!request.path.starts_with(prefix)) return problem(404, "Not found");
  const auto parts = split(std::string_view(request.path).substr(prefix.size()));
  const std::string_view asked =
      request.method == "HEAD" ? "GET" : std::string_view(request.method);  // the server leaves the body out
  const auto is = [&](std::string_view method, std::initializer_list<std::string_view> path) {
    return asked == method && path_matches(parts, path);
  };

  if (is("GET", {"openapi.json"})) return {200, "application/json", std::string(asset("openapi.json")->content)};
  if (is("GET", {"session"})) return session(request);
  if (is("POST", {"setup"})) return set_up(request);
  if (is("POST", {"login"})) return log_in(request);
  if (access == Access::none) return problem(401, "Log in first");

  if (is("GET", {"status"})) return status();
  if (is("GET", {"devices"})) return devices(request);
  if (is("GET", {"devices", "*"})) return device(parts[1]);
  if (is("GET", {"firmware"})) return firmware();
  if (access != Access::full)
    return problem(asked == "GET" ? 404 : 403, "Not allowed", "guests may look at the fleet only: log in");

  if (is("POST", {"logout"})) return log_out(request);
  if (is("POST", {"password"})) return password(request);
  if (is("GET", {"tokens"})) return tokens();
  if (is("POST", {"tokens"})) return make_token(request);
  if (is("DELETE", {"tokens", "*"})) return remove_token(parts[1]);
  if (is("PATCH", {"devices", "*"})) return rename(request, parts[1]);
  if (is("PUT", {"devices", "*", "targets"})) return targets(request, parts[1]);
  if (is("POST", {"devices", "*", "*"})) return act(request, parts[1], parts[2]);
  if (is("POST", {"fleet", "*"})) return act_on_all(parts[1]);
  if (is("POST", {"firmware"})) return upload(request);
  if (is("DELETE", {"firmware", "*"})) return remove(parts[1]);

  static constexpr std::string_view known[] = {"session", "setup", "login", "logout", "password", "tokens", "status",
      "devices", "fleet", "firmware", "events", "openapi.json"};
  const bool path_known = !parts.empty() && std::find(std::begin(known), std::end(known), parts[0]) != std::end(known);
  if (path_known && parts.size() <= 1) return problem(405, "Wrong method", request.method + " means nothing here");
  return problem(404, "Not found");
}

}  // namespace drydock::web
