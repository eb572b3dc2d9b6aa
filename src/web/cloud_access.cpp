// Logging in with a tool, and its token.
#include "web/cloud_api.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;

namespace {

constexpr std::int64_t default_lifetime = 90LL * 24 * 3600;  // what particle-cli asks for
constexpr std::int64_t longest_lifetime = 100LL * 365 * 24 * 3600;

Response grant_error(int status, const char* error, const std::string& description) {
  return {status, "application/json", json{{"error", error}, {"error_description", description}}.dump()};
}

Response granted(const Authentication::ToolTokens& tokens, std::int64_t seconds) {
  json body{{"token_type", "bearer"}, {"access_token", tokens.access}, {"expires_in", seconds},
      {"scope", tokens.scopes.text()}};
  if (!tokens.refresh.empty()) body["refresh_token"] = tokens.refresh;
  return cloud_answer(body.dump());
}

// Seconds; 0: for good.
std::int64_t lifetime_of(const Request& request) {
  const auto text = argument(request, "expires_in");
  if (!text) return default_lifetime;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error != std::errc() || end != text->data() + text->size() || seconds < 0) return default_lifetime;
  return std::min(seconds, longest_lifetime);
}

}  // namespace

// Whatever client it says it is.
Response CloudApi::log_in(const Request& request) {
  if (request.method != "POST") return cloud_error(405, "log in with POST");
  const auto grant = argument(request, "grant_type").value_or("");
  if (grant == "password") return grant_for_password(request);
  if (grant == "refresh_token") return grant_for_refresh_token(request);
  return grant_error(400, "unsupported_grant_type", "Drydock knows grant_type=password and refresh_token");
}

// A name that is no user's is the owner's: he may call himself as he likes.
Response CloudApi::grant_for_password(const Request& request) {
  const auto name = argument(request, "username").value_or("");
  const auto password = argument(request, "password").value_or("");
  if (name.empty() || password.empty()) return grant_error(400, "invalid_request", "username and password are needed");
  const auto words = argument(request, "scope").value_or("");
  const auto scopes = Scopes::parse_or_all(words);
  if (!scopes || scopes->empty())
    return grant_error(400, "invalid_scope", scopes ? "'scope' is empty" : scopes.error().message);
  const auto seconds = lifetime_of(request);
  const Login login{authentication_.has_user(name) ? name : "", password};
  const auto tokens =
      authentication_.token_for_password(login, name, *scopes, Client(request.peer), running_(), seconds * 1000);
  if (tokens) return granted(*tokens, seconds);
  if (tokens.error().kind == ErrorKind::refused)
    log::warning("{} was not let in as {}, by a tool: wrong password", request.peer,
        log::printable(shorten(name, limits::text)));
  switch (tokens.error().kind) {
    case ErrorKind::rate_limited: return grant_error(429, "too_many_requests", tokens.error().message);
    case ErrorKind::refused:
      return grant_error(400, "invalid_grant",
          "User credentials are invalid: the password is that of Drydock's page, with any user name, or of one of its "
          "users");
    case ErrorKind::conflict:
      return grant_error(400, "invalid_grant", "no password was set yet: open Drydock's page and set one");
    case ErrorKind::malformed: return grant_error(400, "invalid_scope", tokens.error().message);
    default: return cloud_error(tokens.error());
  }
}

Response CloudApi::grant_for_refresh_token(const Request& request) {
  if (argument(request, "scope"))
    return grant_error(400, "invalid_scope", "what is refreshed keeps its scopes: leave 'scope' out");
  const auto seconds = lifetime_of(request);
  const auto tokens =
      authentication_.refresh_token(argument(request, "refresh_token").value_or(""), running_(), seconds * 1000);
  if (tokens) return granted(*tokens, seconds);
  if (tokens.error().kind == ErrorKind::refused) return grant_error(400, "invalid_grant", tokens.error().message);
  return cloud_error(tokens.error());
}

Response CloudApi::user(const Identity& identity) const {
  return cloud_answer(json_text({{"username", identity.name}, {"subscription_ids", json::array()},
      {"account_info", {{"first_name", ""}, {"last_name", ""}, {"business_account", false}}},
      {"mfa", {{"enabled", false}}}}));
}

Response CloudApi::current_token(const Identity& identity) const {
  json body{{"client", "drydock"}, {"scopes", identity.scopes.names()}, {"orgs", json::array()}};
  if (identity.expires != 0) body["expires_at"] = iso_time(utc_milliseconds() + identity.expires - running_());
  return cloud_answer(body.dump());
}

// Whoever has a token may end it.
Response CloudApi::revoke(const std::string& token) {
  const auto removed = authentication_.revoke_token(token);
  return removed ? cloud_answer(R"({"ok":true})") : cloud_error(removed.error());
}

}  // namespace drydock::web
