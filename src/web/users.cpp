// The users whom the owner lets in.
#include "web/authentication.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "web/password.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::web {
namespace {

bool is_utf8(const std::string& text) {
  const auto json = '"' + text + '"';
  return nlohmann::json::accept(json);
}

Result<void> check_user_name(const std::string& name) {
  constexpr std::size_t longest = 64;
  if (name.empty() || name.size() > longest)
    return failure(ErrorKind::malformed, fmt::format("a user's name has 1 to {} bytes", longest));
  if (log::printable(name) != name || name.find('/') != std::string::npos || name.front() == ' ' || name.back() == ' ')
    return failure(
        ErrorKind::malformed, "a user's name has no control characters, no '/', and no blank at its beginning or end");
  if (!is_utf8(name))
    return failure(ErrorKind::malformed, "a user's name is UTF-8, without quotation marks and backslashes");
  if (name == "owner" || name == "guest" || name == "api")
    return failure(ErrorKind::malformed, "a user may not be called '" + name + "': choose another name");
  return {};
}

bool covers(Scopes all, Scopes some) {
  return some.within(all) == some;
}

}  // namespace

std::vector<store::UserRow> Authentication::users() const {
  const std::lock_guard lock(mutex_);
  std::vector<store::UserRow> list;
  for (const auto& [name, user] : users_) list.push_back(user);
  return list;
}

bool Authentication::has_user(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return users_.contains(lower_ascii(name));
}

Result<bool> Authentication::save_user(
    const Identity& by, const std::string& given_name, const UserChange& change, std::int64_t utc_now) {
  const auto name = lower_ascii(given_name);
  if (auto good = check_user_name(name); !good) return tl::unexpected(good.error());
  const auto role = change.role.value_or("");
  const auto scopes = role.empty() ? Result<Scopes>{Scopes{}} : scopes_of_role(role);
  if (!scopes) return tl::unexpected(scopes.error());
  if (change.password)
    if (const auto good = check_new_password(*change.password); !good) return tl::unexpected(good.error());
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    const auto scopes_now = scopes_of_user(name);
    is_new = !scopes_now;
    if (!covers(by.scopes, *scopes) || !covers(by.scopes, scopes_now.value_or(Scopes{})))
      return failure(ErrorKind::refused, "you may less yourself than this user may, or is to");
    if (is_new && (!change.password || role.empty()))
      return failure(ErrorKind::malformed, "a new user needs a password and a role");
    if (is_new && users_.size() >= limits::users)
      return failure(ErrorKind::too_large, fmt::format("there are {} users already: remove one", limits::users));
  }
  const auto hash = change.password ? hash_password(*change.password, salt()) : "";
  const store::UserRow row{name, hash, role, utc_now};
  const auto kept = persist([row, is_new](store::Database& db) -> Result<void> {
    auto saved = is_new ? store::add_user(db, row) : store::change_user(db, row.name, row.password, row.role);
    if (saved && !row.password.empty()) store::end_sessions_of_user(db, row.name, "");
    return saved;
  });
  if (!kept) return tl::unexpected(kept.error());
  const std::lock_guard lock(mutex_);
  if (is_new) users_[name] = row;
  if (const auto found = users_.find(name); found != users_.end()) {
    if (!role.empty()) found->second.role = role;
    if (!hash.empty()) found->second.password = hash;
  }
  if (!hash.empty()) end_sessions_of(name, "");
  ++changes_;
  return is_new;
}

Result<void> Authentication::remove_user(const Identity& by, const std::string& given_name) {
  const auto name = lower_ascii(given_name);
  {
    const std::lock_guard lock(mutex_);
    const auto scopes = scopes_of_user(name);
    if (name.empty() || !scopes) return failure(ErrorKind::not_found, "there is no such user");
    if (!covers(by.scopes, *scopes)) return failure(ErrorKind::refused, "you may less yourself than this user");
  }
  forget_user(name);
  const auto written = persist([name](store::Database& db) { store::remove_user(db, name); });
  forget_user(name);  // reload() may have found him in the store before
  return written;
}

void Authentication::forget_user(const std::string& name) {
  const std::lock_guard lock(mutex_);
  users_.erase(name);
  end_sessions_of(name, "");
  std::erase_if(tokens_, [&](const auto& token) { return token.user == name; });
  std::erase_if(browsers_, [&](const auto& browser) { return browser.user == name; });
}

}  // namespace drydock::web
