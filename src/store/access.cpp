#include "store/access.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace drydock::store {

std::optional<std::string> load_setting(Database& db, const std::string& key) {
  SQLite::Statement s(db.sql(), "SELECT value FROM settings WHERE key = ?");
  s.bind(1, key);
  if (!s.executeStep()) return std::nullopt;
  return s.getColumn(0).getString();
}

void save_setting(Database& db, const std::string& key, const std::string& value) {
  SQLite::Statement s(
      db.sql(), "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value");
  s.bind(1, key);
  s.bind(2, value);
  s.exec();
}

void remove_setting(Database& db, const std::string& key) {
  SQLite::Statement s(db.sql(), "DELETE FROM settings WHERE key = ?");
  s.bind(1, key);
  s.exec();
}

void save_web_session(Database& db, const WebSession& session) {
  SQLite::Statement s(db.sql(), "INSERT INTO web_sessions (token_sha256, created, expires) VALUES (?, ?, ?)");
  s.bind(1, session.token_sha256);
  s.bind(2, session.created);
  s.bind(3, session.expires);
  s.exec();
}

void remove_web_session(Database& db, const std::string& token_sha256) {
  SQLite::Statement s(db.sql(), "DELETE FROM web_sessions WHERE token_sha256 = ?");
  s.bind(1, token_sha256);
  s.exec();
}

void remove_other_web_sessions(Database& db, const std::string& kept) {
  SQLite::Statement s(db.sql(), "DELETE FROM web_sessions WHERE token_sha256 != ?");
  s.bind(1, kept);
  s.exec();
}

std::vector<WebSession> load_web_sessions(Database& db, std::int64_t now) {
  SQLite::Statement old(db.sql(), "DELETE FROM web_sessions WHERE expires <= ?");
  old.bind(1, now);
  old.exec();
  SQLite::Statement s(db.sql(), "SELECT token_sha256, created, expires FROM web_sessions");
  std::vector<WebSession> sessions;
  while (s.executeStep())
    sessions.push_back({s.getColumn(0).getString(), s.getColumn(1).getInt64(), s.getColumn(2).getInt64()});
  return sessions;
}

void save_known_browser(Database& db, const std::string& token_sha256, std::int64_t created, int most) {
  SQLite::Statement s(db.sql(), "INSERT OR IGNORE INTO known_browsers (token_sha256, created) VALUES (?, ?)");
  s.bind(1, token_sha256);
  s.bind(2, created);
  s.exec();
  SQLite::Statement trim(db.sql(),
      "DELETE FROM known_browsers WHERE token_sha256 IN (SELECT token_sha256 FROM known_browsers ORDER BY created DESC "
      "LIMIT -1 OFFSET ?)");
  trim.bind(1, most);
  trim.exec();
}

std::vector<std::string> load_known_browsers(Database& db) {
  SQLite::Statement s(db.sql(), "SELECT token_sha256 FROM known_browsers");
  std::vector<std::string> list;
  while (s.executeStep()) list.push_back(s.getColumn(0).getString());
  return list;
}

void forget_all_access(Database& db) {
  remove_setting(db, "password");
  for (const char* table : {"web_sessions", "known_browsers", "api_tokens"})
    db.sql().exec(std::string("DELETE FROM ") + table);
}

std::int64_t add_api_token(Database& db, const ApiToken& token) {
  SQLite::Statement s(db.sql(), "INSERT INTO api_tokens (name, token_sha256, created) VALUES (?, ?, ?)");
  s.bind(1, token.name);
  s.bind(2, token.token_sha256);
  s.bind(3, token.created);
  s.exec();
  return db.sql().getLastInsertRowid();
}

bool remove_api_token(Database& db, std::int64_t id) {
  SQLite::Statement s(db.sql(), "DELETE FROM api_tokens WHERE id = ?");
  s.bind(1, id);
  return s.exec() > 0;
}

std::vector<ApiToken> load_api_tokens(Database& db) {
  SQLite::Statement s(db.sql(), "SELECT id, name, token_sha256, created FROM api_tokens ORDER BY id");
  std::vector<ApiToken> tokens;
  while (s.executeStep())
    tokens.push_back(
        {s.getColumn(0).getInt64(), s.getColumn(1).getString(), s.getColumn(2).getString(), s.getColumn(3).getInt64()});
  return tokens;
}

}  // namespace drydock::store
