// Logging in and out, the password, tokens.
#include "web/api.hpp"
#include "web/json_body.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

#include <charconv>
#include <fmt/core.h>

namespace drydock::web {

using nlohmann::json;

namespace {

// Begun ones count; 0: it is over.
std::int64_t days_until(std::int64_t expires, std::int64_t now) {
  constexpr std::int64_t day = 24LL * 3600 * 1000;
  return expires <= now ? 0 : (expires - now + day - 1) / day;
}

}  // namespace

Response Api::session(const Request& request) const {
  const auto who = known(request);
  json body{{"state",
                authentication_.needs_setup() ? "setup"
                    : who                     ? "in"
                                              : "login"},
      {"guest", options_.guest_read_access}, {"users", !authentication_.users().empty()}, {"user", ""},
      {"scopes", json::array()}};
  if (who) {
    body["user"] = who->name;
    body["scopes"] = who->scopes.names();
  }
  return {200, "application/json", body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

Response Api::login_response(
    const Request& request, const std::string& user, const Result<std::string>& session) const {
  if (!session) {
    // Who is locked out and tries on fills no log.
    if (session.error().kind != ErrorKind::rate_limited)
      log::warning("the page: {} was not let in as {}: {}", request.peer,
          user.empty() ? "owner" : log::printable(shorten(user, limits::text)), session.error().message);
    if (session.error().kind == ErrorKind::refused) return problem(401, "Not let in", session.error().message);
    if (session.error().kind != ErrorKind::rate_limited) return problem(session.error());
    auto response = problem(429, "Too many tries", session.error().message);
    response.headers.emplace_back("Retry-After",
        std::to_string((authentication_.locked_for(user, client(request), options_.running()) + 999) / 1000));
    return response;
  }
  auto response = done();
  const auto set = [&](const char* name, const std::string& value, std::int64_t seconds) {
    response.headers.emplace_back("Set-Cookie",
        fmt::format("{}{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", name,
            options_.secure_cookie ? Request::over_tls : "", value, seconds, options_.secure_cookie ? "; Secure" : ""));
  };
  set("drydock", *session, Authentication::session_milliseconds / 1000);
  const auto let_in = authentication_.by_session(*session, options_.running());
  if (!let_in || authentication_.is_trusted(request.cookie("drydock_browser"), let_in->user)) return response;
  constexpr std::int64_t year = 365 * 24 * 3600;
  if (const auto browser = authentication_.trust_browser(let_in->user, options_.running()))
    set("drydock_browser", *browser, year);
  return response;
}

Response Api::set_up(const Request& request) {
  const auto body = json_body(request, {"code", "password"});
  if (!body) return problem(body.error());
  const auto code = text_in(*body, "code");
  const auto password = text_in(*body, "password");
  if (!code || !password) return problem(code ? password.error() : code.error());
  return login_response(request, "", authentication_.set_up(*code, *password, client(request), options_.running()));
}

Response Api::log_in(const Request& request) {
  const auto body = json_body(request, {"user", "password"});
  if (!body) return problem(body.error());
  const auto password = text_in(*body, "password");
  const auto user = body->contains("user") ? text_in(*body, "user") : Result<std::string>{""};
  if (!password || !user) return problem(password ? user.error() : password.error());
  const Login login{*user == "owner" ? "" : *user, *password};
  return login_response(request, login.user, authentication_.log_in(login, client(request), options_.running()));
}

Response Api::log_out(const Request& request) {
  const auto out = authentication_.log_out(request.cookie("drydock"));
  auto response = out
      ? done()
      : problem(500, "Logged out for now",
            "it could not be written down, and after a restart this login would be good again: " + out.error().message);
  for (const auto* end : {"", Request::over_tls})
    response.headers.emplace_back(
        "Set-Cookie", fmt::format("drydock{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", end));
  return response;
}

Response Api::password(const Request& request) {
  const auto body = json_body(request, {"old", "new"});
  if (!body) return problem(body.error());
  const auto old_one = text_in(*body, "old");
  const auto new_one = text_in(*body, "new");
  if (!old_one || !new_one) return problem(old_one ? new_one.error() : old_one.error());
  const auto changed = authentication_.change_password(
      *old_one, *new_one, request.cookie("drydock"), client(request), options_.running());
  if (!changed && changed.error().kind == ErrorKind::refused)
    log::warning("the page: {} gave a wrong password to change it", request.peer);
  if (!changed && changed.error().kind == ErrorKind::rate_limited)
    return problem(429, "Too many tries", changed.error().message);
  return changed ? done() : problem(changed.error());
}

// One's own; all, for who administers.
Response Api::tokens(const Identity& identity) const {
  auto list = json::array();
  for (const auto& token : authentication_.tokens()) {
    if (token.user != identity.user && !identity.scopes.has(Scope::administer)) continue;
    const auto scopes = Scopes::parse_or_all(token.scopes).value_or(Scopes{});
    list.push_back({{"id", token.id}, {"name", token.name}, {"created", token.created},
        {"user", token.user.empty() ? "owner" : token.user}, {"scopes", scopes.names()}, {"tool", token.by_password},
        {"used", token.used == 0 ? json(nullptr) : json(token.used)},
        {"days_left", token.expires == 0 ? json(nullptr) : json(days_until(token.expires, options_.running()))}});
  }
  return {200, "application/json", json{{"tokens", list}}.dump(-1, ' ', false, json::error_handler_t::replace)};
}

Response Api::make_token(const Request& request, const Identity& identity) {
  const auto body = json_body(request, {"name", "scopes", "days"});
  if (!body) return problem(body.error());
  const auto name = text_in(*body, "name");
  if (!name) return problem(name.error());
  const auto words = body->contains("scopes") ? text_in(*body, "scopes") : Result<std::string>{""};
  if (!words) return problem(words.error());
  const auto scopes = Scopes::parse_or_all(*words);
  if (!scopes) return problem(scopes.error());
  constexpr std::int64_t day = 24LL * 3600 * 1000;
  constexpr std::int64_t most_days = 3650;
  std::int64_t lifetime = 0;
  if (const auto read = number_in(*body, "days", 1, most_days, lifetime, day); !read) return problem(read.error());
  const auto expires = lifetime == 0 ? 0 : options_.running() + lifetime;
  const auto token = authentication_.make_token(identity, *name, *scopes, utc_milliseconds(), expires);
  if (!token) return problem(token.error());
  return {201, "application/json", json{{"token", *token}}.dump()};
}

Response Api::remove_token(const std::string& id, const Identity& identity) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc{} || end != id.data() + id.size()) return problem(404, "Not found");
  for (const auto& token : authentication_.tokens())
    if (token.id == number && token.user != identity.user && !identity.scopes.has(Scope::administer))
      return problem(404, "Not found", "there is no such token");
  const auto removed = authentication_.remove_token(number);
  return removed ? done() : problem(removed.error());
}

}  // namespace drydock::web
