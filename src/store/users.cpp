#include "store/users.hpp"

#include "store/statement.hpp"

namespace drydock::store {

void save_user(Database& db, const UserRow& user) {
  Statement s(db,
      "INSERT INTO users (name, password, role, created) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
      "password = excluded.password, role = excluded.role");
  s.bind(1, user.name);
  s.bind(2, user.password);
  s.bind(3, user.role);
  s.bind(4, user.created);
  s.execute();
}

void remove_user(Database& db, const std::string& name) {
  for (const char* sql : {"DELETE FROM users WHERE name = ?", "DELETE FROM web_sessions WHERE user_name = ?",
           "DELETE FROM known_browsers WHERE user_name = ?", "DELETE FROM api_tokens WHERE user_name = ?",
           "DELETE FROM claim_codes WHERE user_name = ?"}) {
    Statement s(db, sql);
    s.bind(1, name);
    s.execute();
  }
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
}

}  // namespace drydock::store
