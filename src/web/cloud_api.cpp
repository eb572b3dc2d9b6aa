#include "web/cloud_api.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "server/commands.hpp"
#include "web/json_body.hpp"
#include "web/assets.hpp"
#include "web/audit_note.hpp"

#include <civetweb.h>
#include <ctime>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;

namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    if (end > 0) parts.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return parts;
}

// A product's devices are the devices: there is one fleet here.
std::vector<std::string> parts_of(const Request& request) {
  auto parts = split(request.path);
  if (parts.size() > 3 && (parts[1] == "products" || parts[1] == "orgs") &&
      (parts[3] == "devices" || parts[3] == "events"))
    parts.erase(parts.begin() + 1, parts.begin() + 3);
  return parts;
}

bool is_multipart(const Request& request) {
  return request.header("content-type").starts_with("multipart/form-data");
}

std::string token_outside_of_body(const Request& request) {
  // The scheme in any case of letters (RFC 9110 §11.1): the answer to a login calls it "bearer".
  constexpr std::string_view bearer = "bearer ";
  const auto& authorization = request.header("authorization");
  if (authorization.size() <= bearer.size() || !begins_with_lower_ascii(authorization, bearer))
    return request.parameter("access_token");
  const auto begin = authorization.find_first_not_of(' ', bearer.size());
  return begin == std::string::npos ? std::string() : authorization.substr(begin);
}

std::string token_in(const Request& request) {
  auto token = token_outside_of_body(request);
  return token.empty() ? argument(request, "access_token").value_or("") : token;
}

Response no_token() {
  json body{{"error", "invalid_token"}, {"error_description", "The access token was not found"}};
  Response response{401, "application/json", body.dump()};
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"drydock\"");
  return response;
}

// Nothing: one's own token and name.
std::optional<Scope> needed_scope(const Request& request, const std::vector<std::string>& path) {
  const auto& method = request.method;
  const auto is = [&](std::initializer_list<std::string_view> wanted) { return path_matches(path, wanted); };
  if (is({"v1", "user"}) || is({"v1", "access_tokens", "current"})) return std::nullopt;
  if (method == "GET" || (method == "PUT" && is({"v1", "devices", "*", "ping"})) ||
      (method == "POST" && is({"v1", "diagnostics", "*", "update"})))
    return Scope::read;
  if (method == "PUT" && is({"v1", "devices", "*"}))
    return !is_multipart(request) && argument(request, "signal") ? Scope::call : Scope::flash;
  const bool of_device = is({"v1", "devices", "*", "*"}) || is({"v1", "devices", "events"}) || is({"v1", "events"});
  return method == "POST" && of_device ? Scope::call : Scope::administer;
}

// What is not understood is not taken for nothing: a function would be called without its argument.
std::optional<Response> unusable_body(const Request& request) {
  if (is_multipart(request) && request.method != "PUT")
    return cloud_error(400, "multipart/form-data is for files: send JSON, or a plain form");
  if (request.body.empty() || !request.header("content-type").starts_with("application/json")) return std::nullopt;
  const auto body = parse_body(request.body);
  if (!body.is_object()) return cloud_error(400, "the body must be a JSON object");
  for (const auto& [name, value] : body.items())
    if (value.is_structured()) return cloud_error(400, "'" + name + "' must be text, a number or a truth value");
  return std::nullopt;
}

constexpr const char* description = "/v1/openapi.json";

// Logging in needs none, and who has a token may give it back.
bool needs_token(const Request& request) {
  if (request.path == "/oauth/token" || request.path == description) return false;
  return request.method != "DELETE" || !request.path.starts_with("/v1/access_tokens/") ||
      request.path == "/v1/access_tokens/current";
}

}  // namespace

std::string json_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Response cloud_answer(const std::string& text) {
  return {200, "application/json", text};
}

Response cloud_error(int status, const std::string& error) {
  json body{{"ok", false}, {"error", error}};
  // Without it some commands of particle-cli say no more than the status. A description with "access token" in it would
  // make the CLI forget its own.
  if (status != 404 && error.find("access token") == std::string::npos) body["error_description"] = error;
  return {status, "application/json", json_text(body)};
}

Response cloud_error(const Error& error) {
  switch (error.kind) {
    case ErrorKind::not_found: return cloud_error(404, error.message);
    case ErrorKind::malformed: return cloud_error(400, error.message);
    case ErrorKind::conflict: return cloud_error(409, error.message);
    case ErrorKind::too_large: return cloud_error(413, error.message);
    case ErrorKind::refused: return cloud_error(403, error.message);
    case ErrorKind::rate_limited: return cloud_error(429, error.message);
    case ErrorKind::closed:
    case ErrorKind::timed_out:
    case ErrorKind::session_restarted:
    case ErrorKind::interrupted: return cloud_error(408, "Timed out: " + error.message);
    case ErrorKind::storage:
    case ErrorKind::unusable_describe:
    case ErrorKind::internal: break;
  }
  return cloud_error(500, error.message);
}

std::string iso_time(std::int64_t utc_milliseconds) {
  const auto seconds = static_cast<std::time_t>(utc_milliseconds / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
      utc.tm_hour, utc.tm_min, utc.tm_sec, utc_milliseconds % 1000);
}

std::optional<std::string> argument(const Request& request, const char* name) {
  if (is_multipart(request)) return std::nullopt;
  const auto body = parse_body(request.body);
  if (body.is_object()) {
    const auto found = body.find(name);
    // Lists in lists would be printed by recursion, on a thread with little stack.
    if (found == body.end() || found->is_null() || found->is_structured()) return std::nullopt;
    return found->is_string() ? found->get<std::string>() : found->dump();
  }
  std::string value(request.body.size() + 1, '\0');
  const int length = mg_get_var(request.body.data(), request.body.size(), name, value.data(), value.size());
  if (length < 0) {
    auto in_query = request.parameter(name);
    return in_query.empty() ? std::nullopt : std::optional(std::move(in_query));
  }
  value.resize(static_cast<std::size_t>(length));
  return value;
}

CloudApi::Credentials CloudApi::credentials_of(const Request& request, std::string token) {
  const bool reads = request.method == "GET";
  const bool by_page = token.empty() && (reads || comes_from_our_page(request));
  return {std::move(token), by_page ? request.cookie("drydock") : std::string()};
}

std::optional<Identity> CloudApi::identity(const Credentials& shown) const {
  return shown.token.empty() ? authentication_.by_session(shown.session, running_())
                             : authentication_.by_token(shown.token, running_());
}

bool CloudApi::is_known(const Request& request) const {
  return identity(credentials_of(request, token_outside_of_body(request))).has_value();
}

std::optional<Response> CloudApi::refuse(const Request& request) const {
  if (!needs_token(request) || is_device_os_file(request)) return std::nullopt;
  const bool may_be_in_body =
      token_outside_of_body(request).empty() && request.method != "GET" && !is_multipart(request);
  if (may_be_in_body || is_known(request)) return std::nullopt;
  return no_token();
}

std::size_t CloudApi::longest_body(const Request& request, bool known) {
  constexpr std::size_t around_a_file = 4096;
  const bool file = is_multipart(request) && request.method == "PUT" && known;
  return file ? limits::module_file + around_a_file : limits::page_body;
}

Response CloudApi::handle(Request request) {
  try {
    authentication_.write_token_uses();
    if (request.path == "/oauth/token") {
      // A page from elsewhere can make a browser send this form, and lock its user out by wrong passwords.
      if (!request.header("origin").empty()) return cloud_error(403, "log in from a program, not from a web page");
      return log_in(request);
    }
    if (request.path == description) return cloud_answer(std::string(asset("openapi-v1.json")->content));
    if (is_device_os_file(request)) return device_os_file(request);
    if (!needs_token(request)) return revoke(parts_of(request).back());
    const auto known = identity(credentials_of(request, token_in(request)));
    if (!known) return no_token();
    if (auto unusable = unusable_body(request)) return *unusable;
    const auto path = parts_of(request);
    const auto needed = needed_scope(request, path);
    if (needed && !known->scopes.has(*needed)) return cloud_error(403, lacking_words(*needed));
    auto response = route(request, path, *known);
    if (needed == Scope::flash || needed == Scope::administer)
      note_change(bridge_, *known, "Particle's API", request.method + " " + request.path, response);
    return response;
  } catch (const store::Unavailable& e) {
    return cloud_error(503, e.what());
  } catch (const std::exception& e) {
    log::error("the cloud API: {} {}: {}", request.method, log::printable(request.path), e.what());
    return cloud_error(500, e.what());
  }
}

Response CloudApi::route(const Request& request, const Path& path, const Identity& identity) {
  const auto is = [&](std::string_view method, std::initializer_list<std::string_view> wanted) {
    return request.method == method && path_matches(path, wanted);
  };
  if (is("GET", {"v1", "user"})) return user(identity);
  if (is("GET", {"v1", "access_tokens", "current"})) return current_token(identity);
  if (is("DELETE", {"v1", "access_tokens", "current"})) return revoke(token_in(request));
  if (is("GET", {"v1", "devices"})) return request.path.starts_with("/v1/products/") ? devices_of_product() : devices();
  if (is("POST", {"v1", "devices"})) return claim(request);
  if (is("POST", {"v1", "devices", "events"}) || is("POST", {"v1", "events"})) return publish(request);
  if (is("GET", {"v1", "devices", "*"})) return device(path[2]);
  if (is("PUT", {"v1", "devices", "*"})) return change(request, path[2]);
  if (is("DELETE", {"v1", "devices", "*"})) return remove(path[2]);
  if (is("PUT", {"v1", "devices", "*", "ping"})) return ping(path[2]);
  if (is("POST", {"v1", "devices", "*", "*"})) return call(request, path[2], path[3]);
  if (is("GET", {"v1", "devices", "*", "*"})) return variable(request, path[2], path[3]);
  if (is("POST", {"v1", "provisioning", "*"})) return provision(request, path[2]);
  if (is("GET", {"v1", "diagnostics", "*"})) return vitals(path[2], Vitals::history);
  if (is("GET", {"v1", "diagnostics", "*", "last"})) return vitals(path[2], Vitals::last);
  if (is("POST", {"v1", "diagnostics", "*", "update"})) return vitals(path[2], Vitals::update);
  if (is("POST", {"v1", "device_claims"})) return claim_code(identity);
  if (is("GET", {"v1", "device-os", "versions"})) return device_os_versions(request);
  if (is("GET", {"v1", "device-os", "versions", "*"})) return device_os(request, path[3]);
  // What there is none of here, so that tools go on.
  if (is("GET", {"v1", "user", "products"})) return cloud_answer(R"({"products":[]})");
  if (is("GET", {"v1", "orgs"})) return cloud_answer(R"({"organizations":[]})");
  if (is("GET", {"v1", "integrations"}) || is("GET", {"v1", "webhooks"})) return cloud_answer("[]");
  if (is("POST", {"v1", "binaries"}))
    return cloud_error(400, "Drydock does not compile: build the application elsewhere and flash the .bin file");
  return cloud_error(404, request.method + " " + request.path + " is nothing that this cloud knows");
}

std::optional<EventFilter> CloudApi::stream_filter(const Request& request) {
  if (request.method != "GET" || !answers(request)) return std::nullopt;
  const auto parts = parts_of(request);
  std::size_t events = 1;
  if (parts.size() > 2 && parts[1] == "devices") events = parts[2] == "events" ? 2 : 3;
  if (parts.size() <= events || parts[events] != "events") return std::nullopt;
  EventFilter filter;
  if (events == 3) filter.device = parts[2];
  for (auto at = events + 1; at < parts.size(); ++at) filter.prefix += (filter.prefix.empty() ? "" : "/") + parts[at];
  return filter;
}

std::optional<Response> CloudApi::resolve(EventFilter& filter) const {
  if (filter.device.empty()) return std::nullopt;
  try {
    const auto row = find(filter.device);
    if (!row) return cloud_error(row.error());
    filter.device = row->id;
    return std::nullopt;
  } catch (const std::exception& e) {
    return cloud_error(503, e.what());
  }
}

std::function<bool()> CloudApi::may_listen(const Request& request) const {
  auto changes = authentication_.changes();
  const auto shown = credentials_of(request, token_outside_of_body(request));
  const auto known = identity(shown);
  const auto reads = [](const std::optional<Identity>& who) { return who && who->scopes.has(Scope::read); };
  return [this, shown, changes, reads, good = reads(known), expires = known ? known->expires : 0]() mutable {
    if (expires != 0 && expires <= running_()) return false;
    const auto now = authentication_.changes();
    if (std::exchange(changes, now) != now) good = reads(identity(shown));
    return good;
  };
}

std::string CloudApi::as_stream_text(const server::PublishedEvent& event) {
  const json data{{"data", event.data.empty() ? json() : json(event.data)}, {"ttl", event.ttl},
      {"published_at", iso_time(event.published_at)}, {"coreid", event.from ? event.from->text() : "api"}};
  // A name is one line here, whatever a device sends.
  return fmt::format("event: {}\ndata: {}\n\n", log::printable(event.name), json_text(data));
}

}  // namespace drydock::web
