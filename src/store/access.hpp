// Who may use the page and the API, and single settings. Of cookies and tokens only the SHA-256 is kept.
#pragma once

#include "store/database.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drydock::store {

/// Settings by key; see migrations/0002_page.sql for which there are.
std::optional<std::string> load_setting(Database& db, const std::string& key);
void save_setting(Database& db, const std::string& key, const std::string& value);
void remove_setting(Database& db, const std::string& key);

struct WebSession {
  std::string token_sha256;
  std::int64_t created = 0;  ///< milliseconds of the service's running time
  std::int64_t expires = 0;
  std::string user = {};  ///< empty: the owner
};
void save_web_session(Database& db, const WebSession& session);
void remove_web_session(Database& db, const std::string& token_sha256);
/// Those not expired at `now`; the others are removed.
std::vector<WebSession> load_web_sessions(Database& db, std::int64_t now);

/// A browser with which a user logged in before.
struct KnownBrowser {
  std::string token_sha256;
  std::int64_t created = 0;  ///< running time
  std::string user = {};     ///< empty: the owner
};
/// Of those of its user above `most` the oldest go.
void save_known_browser(Database& db, const KnownBrowser& browser, int most);
std::vector<KnownBrowser> load_known_browsers(Database& db);

/// Nobody is let in any more by what they knew or had: passwords, users, sessions, known browsers, tokens.
void forget_all_access(Database& db);

struct ApiToken {
  std::int64_t id = 0;
  std::string name;
  std::string token_sha256;
  std::int64_t created = 0;          ///< UTC milliseconds
  std::int64_t expires = 0;          ///< running time, as of sessions; 0: never
  bool by_password = false;          ///< given for the password, and ends when that is changed
  std::string user = {};             ///< empty: the owner
  std::string scopes = {};           ///< words between blanks; empty: whatever the user may
  std::string refresh_sha256 = {};   ///< of what another token is given for; empty: nothing
  std::int64_t refresh_expires = 0;  ///< running time
  std::int64_t used = 0;             ///< last, UTC milliseconds; 0: never
};
std::int64_t add_api_token(Database& db, const ApiToken& token);
/// The token and what it is refreshed by become others; false: `refreshed_by` is not what it was refreshed by.
bool save_refreshed_token(Database& db, const ApiToken& token, const std::string& refreshed_by);
bool remove_api_token(Database& db, std::int64_t id);
void save_token_use(Database& db, std::int64_t id, std::int64_t utc_now);
std::vector<ApiToken> load_api_tokens(Database& db);

}  // namespace drydock::store
