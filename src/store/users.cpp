#include "store/users.hpp"

#include "store/statement.hpp"

namespace drydock::store {
namespace {

void forget_claim_codes(Database& db, const std::string& user) {
  Statement s(db, "DELETE FROM claim_codes WHERE user_name = ?");
  s.bind(1, user);
  s.execute();
}

}  // namespace

Result<void> add_user(Database& db, const UserRow& user) {
  Statement s(db, "INSERT INTO users (name, password, role, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
  s.bind(1, user.name);
  s.bind(2, user.password);
  s.bind(3, user.role);
  s.bind(4, user.created);
  if (s.execute() == 0) return failure(ErrorKind::conflict, "there is a user of this name already");
  return {};
}

Result<void> change_user(Database& db, const std::string& name, const std::string& password, const std::string& role) {
  for (const auto& [column, value] : {std::pair{"password", &password}, std::pair{"role", &role}}) {
    if (value->empty()) continue;
    Statement s(db, std::string("UPDATE users SET ") + column + " = ? WHERE name = ?");
    s.bind(1, *value);
    s.bind(2, name);
    if (s.execute() == 0) return failure(ErrorKind::not_found, "there is no such user any more");
  }
  forget_claim_codes(db, name);
  return {};
}

void remove_user(Database& db, const std::string& name) {
  for (const char* sql : {"DELETE FROM users WHERE name = ?", "DELETE FROM web_sessions WHERE user_name = ?",
           "DELETE FROM known_browsers WHERE user_name = ?", "DELETE FROM api_tokens WHERE user_name = ?"}) {
    Statement s(db, sql);
    s.bind(1, name);
    s.execute();
  }
  forget_claim_codes(db, name);
}

std::vector<UserRow> load_users(Database& db) {
  Statement s(db, "SELECT name, password, role, created FROM users ORDER BY name");
  std::vector<UserRow> users;
  while (s.step()) users.push_back({s.text(0), s.text(1), s.text(2), s.integer(3)});
  return users;
}

void end_sessions_of_user(Database& db, const std::string& name, const std::string& kept_session_sha256) {
  Statement sessions(db, "DELETE FROM web_sessions WHERE user_name = ? AND token_sha256 <> ?");
  sessions.bind(1, name);
  sessions.bind(2, kept_session_sha256);
  sessions.execute();
  Statement tokens(db, "DELETE FROM api_tokens WHERE user_name = ? AND by_password <> 0");
  tokens.bind(1, name);
  tokens.execute();
  forget_claim_codes(db, name);
}

}  // namespace drydock::store
