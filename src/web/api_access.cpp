// Logging in and out, the password, tokens.
#include "web/api.hpp"
#include "web/json_body.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"

#include <charconv>
#include <fmt/core.h>

namespace drydock::web {

using nlohmann::json;

Response Api::session(const Request& request) const {
  const char* state = authentication_.needs_setup() ? "setup" : access(request) == Access::full ? "in" : "login";
  return {200, "application/json", json{{"state", state}, {"guest", options_.guest_read_access}}.dump()};
}

Response Api::login_response(const Request& request, const Result<std::string>& session) const {
  if (!session) {
    log::warning("the page: {} was not let in: {}", request.peer, session.error().message);
    if (session.error().kind == ErrorKind::refused) return problem(401, "Not let in", session.error().message);
    if (session.error().kind != ErrorKind::rate_limited) return problem(session.error());
    auto response = problem(429, "Too many tries", session.error().message);
    response.headers.emplace_back(
        "Retry-After", std::to_string((authentication_.locked_for(who(request), options_.running()) + 999) / 1000));
    return response;
  }
  auto response = done();
  const auto set = [&](const char* name, const std::string& value, std::int64_t seconds) {
    response.headers.emplace_back("Set-Cookie",
        fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", name, value, seconds,
            options_.secure_cookie ? "; Secure" : ""));
  };
  set("drydock", *session, Authentication::session_milliseconds / 1000);
  const bool known = who(request) != request.peer;
  if (known) return response;
  constexpr std::int64_t year = 365 * 24 * 3600;
  if (const auto browser = authentication_.trust_browser(options_.running())) set("drydock_browser", *browser, year);
  return response;
}

std::string Api::who(const Request& request) const {
  return authentication_.who(request.cookie("drydock_browser"), request.peer);
}

Response Api::set_up(const Request& request) {
  const auto body = json_body(request);
  if (!body) return problem(body.error());
  const auto code = text_in(*body, "code");
  const auto password = text_in(*body, "password");
  if (!code || !password) return problem(code ? password.error() : code.error());
  return login_response(request, authentication_.set_up(*code, *password, who(request), options_.running()));
}

Response Api::log_in(const Request& request) {
  const auto body = json_body(request);
  if (!body) return problem(body.error());
  const auto password = text_in(*body, "password");
  if (!password) return problem(password.error());
  return login_response(request, authentication_.log_in(*password, who(request), options_.running()));
}

Response Api::log_out(const Request& request) {
  const auto out = authentication_.log_out(request.cookie("drydock"));
  auto response = out
      ? done()
      : problem(500, "Logged out for now",
            "it could not be written down, and after a restart this login would be good again: " + out.error().message);
  response.headers.emplace_back("Set-Cookie", "drydock=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
  return response;
}

Response Api::password(const Request& request) {
  const auto body = json_body(request);
  if (!body) return problem(body.error());
  const auto old_one = text_in(*body, "old");
  const auto new_one = text_in(*body, "new");
  if (!old_one || !new_one) return problem(old_one ? new_one.error() : old_one.error());
  const auto changed =
      authentication_.change_password(*old_one, *new_one, request.cookie("drydock"), who(request), options_.running());
  if (!changed && changed.error().kind == ErrorKind::rate_limited)
    return problem(429, "Too many tries", changed.error().message);
  return changed ? done() : problem(changed.error());
}

Response Api::tokens() const {
  auto list = json::array();
  for (const auto& token : authentication_.tokens())
    list.push_back({{"id", token.id}, {"name", token.name}, {"created", token.created}});
  return {200, "application/json", json{{"tokens", list}}.dump(-1, ' ', false, json::error_handler_t::replace)};
}

Response Api::make_token(const Request& request) {
  const auto body = json_body(request);
  if (!body) return problem(body.error());
  const auto name = text_in(*body, "name");
  if (!name) return problem(name.error());
  const auto token = authentication_.make_token(*name, utc_milliseconds());
  if (!token) return problem(token.error());
  return {201, "application/json", json{{"token", *token}}.dump()};
}

Response Api::remove_token(const std::string& id) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc{} || end != id.data() + id.size()) return problem(404, "Not found");
  const auto removed = authentication_.remove_token(number);
  return removed ? done() : problem(removed.error());
}

}  // namespace drydock::web
