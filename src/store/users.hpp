// People besides the owner, whose password is a setting (store/access.hpp).
#pragma once

#include "store/database.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace drydock::store {

struct UserRow {
  std::string name;          ///< in lower case
  std::string password;      ///< an Argon2 hash
  std::string role;          ///< "viewer", "operator" or "owner"
  std::int64_t created = 0;  ///< UTC milliseconds
};

/// ErrorKind::conflict: there is one of this name.
Result<void> add_user(Database& db, const UserRow& user);
/// What is empty stays. ErrorKind::not_found: he is gone.
Result<void> change_user(Database& db, const std::string& name, const std::string& password, const std::string& role);
/// With everything by which it was let in.
void remove_user(Database& db, const std::string& name);
std::vector<UserRow> load_users(Database& db);

/// What the old password gave: all sessions but the kept one, tools' tokens, claim codes. '': the owner's.
void end_sessions_of_user(Database& db, const std::string& name, const std::string& kept_session_sha256);

}  // namespace drydock::store
