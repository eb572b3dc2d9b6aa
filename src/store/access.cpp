#include "store/access.hpp"

#include "store/changes.hpp"
#include "store/statement.hpp"

namespace drydock::store {

std::optional<std::string> load_setting(Database& db, const std::string& key) {
  Statement s(db, "SELECT value FROM settings WHERE key = ?");
  s.bind(1, key);
  if (!s.step()) return std::nullopt;
  return s.text(0);
}

void save_setting(Database& db, const std::string& key, const std::string& value) {
  Statement s(
      db, "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value");
  s.bind(1, key);
  s.bind(2, value);
  s.execute();
}

void remove_setting(Database& db, const std::string& key) {
  Statement s(db, "DELETE FROM settings WHERE key = ?");
  s.bind(1, key);
  s.execute();
}

void save_web_session(Database& db, const WebSession& session) {
  Statement s(db, "INSERT INTO web_sessions (token_sha256, created, expires, user_name) VALUES (?, ?, ?, ?)");
  s.bind(1, session.token_sha256);
  s.bind(2, session.created);
  s.bind(3, session.expires);
  s.bind(4, session.user);
  s.execute();
}

void remove_web_session(Database& db, const std::string& token_sha256) {
  Statement s(db, "DELETE FROM web_sessions WHERE token_sha256 = ?");
  s.bind(1, token_sha256);
  s.execute();
}

std::vector<WebSession> load_web_sessions(Database& db, std::int64_t now) {
  Statement old(db, "DELETE FROM web_sessions WHERE expires <= ?");
  old.bind(1, now);
  old.execute();
  Statement s(db, "SELECT token_sha256, created, expires, user_name FROM web_sessions");
  std::vector<WebSession> sessions;
  while (s.step()) sessions.push_back({s.text(0), s.integer(1), s.integer(2), s.text(3)});
  return sessions;
}

void save_known_browser(Database& db, const KnownBrowser& browser, int most) {
  Statement s(
      db, "INSERT INTO known_browsers (token_sha256, created, user_name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  s.bind(1, browser.token_sha256);
  s.bind(2, browser.created);
  s.bind(3, browser.user);
  s.execute();
  Statement trim(db,
      "DELETE FROM known_browsers WHERE user_name = ? AND token_sha256 NOT IN (SELECT token_sha256 FROM known_browsers "
      "WHERE user_name = ? ORDER BY created DESC LIMIT ?)");
  trim.bind(1, browser.user);
  trim.bind(2, browser.user);
  trim.bind(3, most);
  trim.execute();
}

std::vector<KnownBrowser> load_known_browsers(Database& db) {
  Statement s(db, "SELECT token_sha256, created, user_name FROM known_browsers ORDER BY created");
  std::vector<KnownBrowser> list;
  while (s.step()) list.push_back({s.text(0), s.integer(1), s.text(2)});
  return list;
}

void forget_all_access(Database& db) {
  remove_setting(db, "password");
  for (const char* table : {"users", "web_sessions", "known_browsers", "api_tokens", "claim_codes"})
    db.connection().execute(std::string("DELETE FROM ") + table);
  note_change(db, subject::access);
}

std::int64_t add_api_token(Database& db, const ApiToken& token) {
  Statement s(db,
      "INSERT INTO api_tokens (name, token_sha256, created, expires, by_password, user_name, scopes, refresh_sha256, "
      "refresh_expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id");
  s.bind(1, token.name);
  s.bind(2, token.token_sha256);
  s.bind(3, token.created);
  s.bind(4, token.expires);
  s.bind(5, token.by_password ? 1 : 0);
  s.bind(6, token.user);
  s.bind(7, token.scopes);
  s.bind(8, token.refresh_sha256);
  s.bind(9, token.refresh_expires);
  s.step();
  const auto id = s.integer(0);
  s.execute_rest();
  return id;
}

bool save_refreshed_token(Database& db, const ApiToken& token, const std::string& refreshed_by) {
  Statement s(db,
      "UPDATE api_tokens SET token_sha256 = ?, created = ?, expires = ?, refresh_sha256 = ?, refresh_expires = ? "
      "WHERE id = ? AND refresh_sha256 = ?");
  s.bind(1, token.token_sha256);
  s.bind(2, token.created);
  s.bind(3, token.expires);
  s.bind(4, token.refresh_sha256);
  s.bind(5, token.refresh_expires);
  s.bind(6, token.id);
  s.bind(7, refreshed_by);
  return s.execute() > 0;
}

bool remove_api_token(Database& db, std::int64_t id) {
  Statement s(db, "DELETE FROM api_tokens WHERE id = ?");
  s.bind(1, id);
  return s.execute() > 0;
}

void save_token_use(Database& db, std::int64_t id, std::int64_t utc_now) {
  Statement s(db, "UPDATE api_tokens SET used = ?2 WHERE id = ?1 AND used < ?2");
  s.bind(1, id);
  s.bind(2, utc_now);
  s.execute();
}

std::vector<ApiToken> load_api_tokens(Database& db) {
  Statement s(db,
      "SELECT id, name, token_sha256, created, expires, by_password, user_name, scopes, refresh_sha256, "
      "refresh_expires, used FROM api_tokens ORDER BY id");
  std::vector<ApiToken> tokens;
  while (s.step())
    tokens.push_back({s.integer(0), s.text(1), s.text(2), s.integer(3), s.integer(4), s.boolean(5), s.text(6),
        s.text(7), s.text(8), s.integer(9), s.integer(10)});
  return tokens;
}

}  // namespace drydock::store
