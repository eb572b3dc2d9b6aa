// Tokens: of programs, which people make, and of tools, which get them for a password.
#include "web/authentication.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "store/claims.hpp"

#include <algorithm>

namespace drydock::web {
namespace {

constexpr std::size_t tokens_of_a_user = 200;  // that he made himself

// As Scopes::parse_or_all() reads it: who may everything may also what there is one day.
std::string kept_text(Scopes scopes) {
  return scopes == Scopes::all() ? "" : scopes.text();
}

Error used_up() {
  return {ErrorKind::refused, "this refresh token is unknown, was used, or its time is over"};
}

}  // namespace

std::optional<Identity> Authentication::by_token(const std::string& token, std::int64_t now) const {
  if (token.empty()) return std::nullopt;
  const auto sha = token_digest(token);
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(tokens_.begin(), tokens_.end(), [&](const auto& t) { return t.token_sha256 == sha; });
  if (found == tokens_.end() || (found->expires != 0 && found->expires <= now)) return std::nullopt;
  const auto of_user = scopes_of_user(found->user);
  const auto of_token = Scopes::parse_or_all(found->scopes);
  if (!of_user || !of_token) return std::nullopt;
  uses_.note(found->id, utc_milliseconds());
  return Identity{
      found->user, found->user.empty() ? found->name : found->user, of_token->within(*of_user), found->expires, false};
}

Result<std::string> Authentication::make_token(
    const Identity& maker, const std::string& name, Scopes scopes, std::int64_t utc_now, std::int64_t expires) {
  const auto given = scopes.within(maker.scopes);
  if (given.empty()) return failure(ErrorKind::refused, "of these scopes you have none yourself");
  const auto all = tokens();
  const auto is_his = [&](const auto& token) { return token.user == maker.user && !token.by_password; };
  if (static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_his)) >= tokens_of_a_user)
    return failure(ErrorKind::too_large, "you have as many tokens as one may have: remove some");
  store::ApiToken row{0, name, "", utc_now};
  row.user = maker.user;
  row.scopes = kept_text(given);
  row.expires = expires;
  return add_token(row);
}

Result<Authentication::ToolTokens> Authentication::token_for_password(const Login& login, const std::string& name,
    Scopes scopes, const Client& client, std::int64_t now, std::int64_t lifetime) {
  const auto user = check_password(login, client, now);
  if (!user) return tl::unexpected(user.error());
  remove_old_tokens(*user, now);
  store::ApiToken row{0, name, "", utc_milliseconds()};
  row.by_password = true;
  row.user = *user;
  {
    const std::lock_guard lock(mutex_);
    const auto of_user = scopes_of_user(*user).value_or(Scopes{});
    if (scopes.within(of_user).empty()) return failure(ErrorKind::malformed, "of these scopes this user has none");
    const auto given = scopes.within(of_user);
    row.scopes = kept_text(given);
  }
  return renew(row, now, lifetime);
}

Result<Authentication::ToolTokens> Authentication::refresh_token(
    const std::string& refresh, std::int64_t now, std::int64_t lifetime) {
  const auto sha = token_digest(refresh);
  store::ApiToken row;
  {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(tokens_.begin(), tokens_.end(), [&](const auto& t) { return t.refresh_sha256 == sha; });
    if (refresh.empty() || found == tokens_.end() || found->refresh_expires <= now || !scopes_of_user(found->user))
      return tl::unexpected(used_up());
    row = *found;
  }
  return renew(row, now, lifetime);
}

// Of a row that is kept already, the token that it had ends. Of several that refresh it at the same time the store lets
// one, on whichever machine.
Result<Authentication::ToolTokens> Authentication::renew(store::ApiToken row, std::int64_t now, std::int64_t lifetime) {
  ToolTokens tokens;
  const auto refreshed_by = row.refresh_sha256;
  row.expires = lifetime == 0 ? 0 : now + lifetime;
  if (lifetime != 0) tokens.refresh = "drydock_" + random_text(24);
  row.refresh_sha256 = lifetime == 0 ? "" : token_digest(tokens.refresh);
  row.refresh_expires = lifetime == 0 ? 0 : row.expires + refresh_milliseconds;
  if (row.id == 0) {
    auto added = add_token(row);
    if (!added) return tl::unexpected(added.error());
    tokens.access = std::move(*added);
  } else {
    tokens.access = "drydock_" + random_text(24);
    row.token_sha256 = token_digest(tokens.access);
    row.created = utc_milliseconds();
    const auto kept = persist([row, refreshed_by](store::Database& db) -> Result<void> {
      if (!store::save_refreshed_token(db, row, refreshed_by)) return tl::unexpected(used_up());
      return {};
    });
    if (!kept) return tl::unexpected(kept.error());
    const std::lock_guard lock(mutex_);
    keep(row);
    ++changes_;
  }
  const std::lock_guard lock(mutex_);
  const auto asked = Scopes::parse_or_all(row.scopes).value_or(Scopes{});
  tokens.scopes = asked.within(scopes_of_user(row.user).value_or(Scopes{}));
  return tokens;
}

// reload() may have found it in the store already.
void Authentication::keep(store::ApiToken row) {
  std::erase_if(tokens_, [&](const auto& token) { return token.id == row.id; });
  tokens_.push_back(std::move(row));
}

// Those that are over, and the oldest of a tool that logs in again and again.
void Authentication::remove_old_tokens(const std::string& user, std::int64_t now) {
  std::size_t of_tools = 0;
  const auto all = tokens();
  for (auto token = all.rbegin(); token != all.rend(); ++token) {
    const bool over = token->expires != 0 && std::max(token->expires, token->refresh_expires) <= now;
    const bool too_many = token->by_password && token->user == user && ++of_tools >= limits::tokens_for_a_password;
    if (over || too_many) (void)remove_token(token->id);
  }
}

Result<std::string> Authentication::add_token(store::ApiToken row) {
  const auto token = "drydock_" + random_text(24);
  row.name = row.name.substr(0, 64);
  row.token_sha256 = token_digest(token);
  const auto id = std::make_shared<std::int64_t>(0);
  const auto kept = persist([row, id](store::Database& db) { *id = store::add_api_token(db, row); });
  if (!kept) return tl::unexpected(kept.error());
  row.id = *id;
  const std::lock_guard lock(mutex_);
  keep(std::move(row));
  return token;
}

Result<std::string> Authentication::make_claim_code(const Identity& maker, std::int64_t utc_now) {
  constexpr std::size_t length = 63;  // what a device has room for (PROTOCOL §8)
  constexpr std::int64_t lifetime = 3600 * 1000;
  constexpr int most = 1'000;
  const auto code = random_text(32).substr(0, length);
  const store::ClaimCode row{token_digest(code), maker.user, utc_now + lifetime};
  const auto kept = persist([row, utc_now](store::Database& db) { store::add_claim_code(db, row, utc_now, most); });
  if (!kept) return tl::unexpected(kept.error());
  return code;
}

Result<void> Authentication::remove_token(std::int64_t id) {
  {
    const std::lock_guard lock(mutex_);
    if (std::erase_if(tokens_, [&](const auto& token) { return token.id == id; }) == 0)
      return failure(ErrorKind::not_found, "there is no such token");
    ++changes_;
  }
  uses_.forget(id);
  const auto written = persist([id](store::Database& db) { store::remove_api_token(db, id); });
  const std::lock_guard lock(mutex_);
  std::erase_if(tokens_, [&](const auto& token) { return token.id == id; });  // reload() may have found it
  return written;
}

Result<void> Authentication::revoke_token(const std::string& token) {
  const auto sha = token_digest(token);
  for (const auto& known : tokens())
    if (known.token_sha256 == sha || known.refresh_sha256 == sha) return remove_token(known.id);
  return failure(ErrorKind::not_found, "there is no such access token");
}

std::vector<store::ApiToken> Authentication::tokens() const {
  const std::lock_guard lock(mutex_);
  auto list = tokens_;
  for (auto& token : list) token.used = std::max(token.used, uses_.last(token.id));
  return list;
}

void Authentication::write_token_uses() {
  const auto due = uses_.take_due();
  if (due.empty()) return;
  // They are told of all the same until the service ends.
  (void)persist([due](store::Database& db) {
    for (const auto& [id, at] : due) store::save_token_use(db, id, at);
  });
}

}  // namespace drydock::web
