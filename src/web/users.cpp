// The users whom the owner lets in.
#include "web/authentication.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "web/password.hpp"

#include <fmt/core.h>

namespace drydock::web {
namespace {

Result<void> check_user_name(const std::string& name) {
  constexpr std::size_t longest = 64;
  if (name.empty() || name.size() > longest)
    return failure(ErrorKind::malformed, fmt::format("a user's name has 1 to {} bytes", longest));
  if (log::printable(name) != name || name.find('/') != std::string::npos || name.front() == ' ' || name.back() == ' ')
    return failure(
        ErrorKind::malformed, "a user's name has no control characters, no '/', and no blank at its beginning or end");
  if (name == "owner" || name == "guest" || name == "api")
    return failure(ErrorKind::malformed, "a user may not be called '" + name + "': choose another name");
  return {};
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

Result<bool> Authentication::save_user(const std::string& given_name, const UserChange& change, std::int64_t utc_now) {
  const auto name = lower_ascii(given_name);
  if (auto good = check_user_name(name); !good) return tl::unexpected(good.error());
  if (change.role)
    if (const auto scopes = scopes_of_role(*change.role); !scopes) return tl::unexpected(scopes.error());
  if (change.password)
    if (const auto good = check_new_password(*change.password); !good) return tl::unexpected(good.error());
  const auto hash = change.password ? hash_password(*change.password, salt()) : "";
  store::UserRow row;
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(name);
    is_new = found == users_.end();
    if (is_new && (!change.password || !change.role))
      return failure(ErrorKind::malformed, "a new user needs a password and a role");
    if (is_new && users_.size() >= limits::users)
      return failure(ErrorKind::too_large, fmt::format("there are {} users already: remove one", limits::users));
    row = is_new ? store::UserRow{name, "", "", utc_now} : found->second;
  }
  if (change.role) row.role = *change.role;
  if (change.password) row.password = hash;
  const bool ends = change.password.has_value();
  const auto kept = persist_([row, ends](store::Database& db) {
    store::save_user(db, row);
    if (ends) store::end_sessions_of_user(db, row.name, "");
  });
  if (!kept) return tl::unexpected(kept.error());
  const std::lock_guard lock(mutex_);
  users_[name] = row;
  if (ends) end_sessions_of(name, "");
  ++changes_;
  return is_new;
}

Result<void> Authentication::remove_user(const std::string& given_name) {
  const auto name = lower_ascii(given_name);
  {
    const std::lock_guard lock(mutex_);
    if (users_.erase(name) == 0) return failure(ErrorKind::not_found, "there is no such user");
    end_sessions_of(name, "");
    std::erase_if(tokens_, [&](const auto& token) { return token.user == name; });
    std::erase_if(browsers_, [&](const auto& browser) { return browser.second == name; });
  }
  return persist_([name](store::Database& db) { store::remove_user(db, name); });
}

}  // namespace drydock::web
