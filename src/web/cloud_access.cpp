// Logging in with a tool, and its token.
#include "web/cloud_api.hpp"

#include "base/clock.hpp"

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

// Whatever client it says it is: there is one password, and its owner may call himself as he likes.
Response CloudApi::log_in(const Request& request) {
  if (request.method != "POST") return cloud_error(405, "log in with POST");
  const auto grant = argument(request, "grant_type").value_or("");
  if (grant != "password") return grant_error(400, "unsupported_grant_type", "Drydock knows grant_type=password only");
  const auto name = argument(request, "username").value_or("");
  const auto password = argument(request, "password").value_or("");
  if (name.empty() || password.empty()) return grant_error(400, "invalid_request", "username and password are needed");
  const auto seconds = lifetime_of(request);
  const auto token = authentication_.token_for_password(
      password, name, authentication_.who("", request.peer), running_(), seconds * 1000);
  if (!token && token.error().kind == ErrorKind::rate_limited)
    return grant_error(429, "too_many_requests", token.error().message);
  if (!token && token.error().kind == ErrorKind::refused)
    return grant_error(400, "invalid_grant",
        "User credentials are invalid: the password is that of Drydock's page, with any user name");
  if (!token && token.error().kind == ErrorKind::conflict)
    return grant_error(400, "invalid_grant", "no password was set yet: open Drydock's page and set one");
  if (!token) return cloud_error(token.error());
  return cloud_answer(json{{"token_type", "bearer"}, {"access_token", *token}, {"expires_in", seconds}}.dump());
}

Response CloudApi::user(const store::ApiToken& account) const {
  return cloud_answer(json{{"username", account.name}, {"subscription_ids", json::array()},
      {"account_info", {{"first_name", ""}, {"last_name", ""}, {"business_account", false}}},
      {"mfa", {{"enabled", false}}}}
                          .dump(-1, ' ', false, json::error_handler_t::replace));
}

Response CloudApi::current_token(const store::ApiToken& account) const {
  json body{{"client", "drydock"}, {"scopes", json::array()}, {"orgs", json::array()}};
  if (account.expires != 0) body["expires_at"] = iso_time(utc_milliseconds() + account.expires - running_());
  return cloud_answer(body.dump());
}

// Whoever has a token may end it.
Response CloudApi::revoke(const std::string& token) {
  const auto known = authentication_.token_of(token, running_());
  if (!known) return cloud_error(404, "there is no such access token");
  const auto removed = authentication_.remove_token(known->id);
  return removed ? cloud_answer(R"({"ok":true})") : cloud_error(removed.error());
}

}  // namespace drydock::web
