// Who may use the page and the cloud: an owner, whose password the first visitor sets with a code from the log, and the
// users whom he lets in; sessions in cookies, tokens for programs, and a lockout that grows.
#pragma once

#include "base/result.hpp"
#include "crypto/random.hpp"
#include "store/access.hpp"
#include "store/users.hpp"
#include "web/lockout.hpp"
#include "web/scopes.hpp"
#include "web/token_uses.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <semaphore>
#include <type_traits>
#include <utility>

namespace drydock::web {

/// Who tries, for whom wrong passwords are counted: the browser, by the cookie it got when this user logged in with it
/// before, else its IP address. Unknown clients behind the same address, or the same proxy, lock out each other only.
struct Client {
  Client(std::string from, std::string cookie = {}) : address(std::move(from)), browser(std::move(cookie)) {}
  std::string address;
  std::string browser;
};

struct Login {
  std::string user;  ///< in any case of letters; empty: the owner
  std::string password;
};

/// Who was let in, and what for.
struct Identity {
  std::string user;  ///< empty: the owner, or a guest
  std::string name;  ///< as people know him; of a token of the owner's: what it is called
  Scopes scopes;
  std::int64_t expires = 0;  ///< running time; 0: never
  bool by_session = false;
};

class Authentication {
public:
  /// Writes something down, or nothing when the work fails, and says whether it worked.
  using Work = std::function<Result<void>(store::Database&)>;
  using Persist = std::function<Result<void>(Work)>;

  /// Loads what there is; without a password a set-up code is made and kept until it is used.
  Authentication(store::Database& db, crypto::Random& random, Persist persist, std::int64_t now);

  /// Somebody else changed who may come in: 'drydock password reset' did.
  void reload(store::Database& db, std::int64_t now);

  /// Times are milliseconds of running time, which no clock moves. All may be called from any thread.
  bool needs_setup() const;
  /// For the log and `drydock status`; empty once there is a password.
  std::string setup_code() const;

  /// A new session's token, for the cookie. ErrorKind::refused; ErrorKind::rate_limited while the client is locked out
  /// (see locked_for); ErrorKind::malformed for a password that is too short; ErrorKind::conflict when there is a
  /// password already.
  Result<std::string> set_up(
      const std::string& code, const std::string& password, const Client& client, std::int64_t now);
  Result<std::string> log_in(const Login& login, const Client& client, std::int64_t now);
  /// Of the session's user, whose other sessions and tools' tokens end.
  Result<void> change_password(const std::string& old_one, const std::string& new_one, const std::string& session,
      const Client& client, std::int64_t now);
  /// It is out at once; a failure says that it could not be written down.
  Result<void> log_out(const std::string& session);

  bool is_trusted(const std::string& browser, const std::string& user) const;
  /// The cookie for a browser with which a user has logged in.
  Result<std::string> trust_browser(const std::string& user, std::int64_t now);

  /// Nothing when it is unknown, or over.
  std::optional<Identity> by_session(const std::string& session, std::int64_t now) const;
  std::optional<Identity> by_token(const std::string& token, std::int64_t now) const;

  /// Grows whenever somebody may be let in no longer, or do less.
  std::uint64_t changes() const { return changes_; }

  // access_tokens.cpp
  /// The token itself is given once and never again. It may what its maker may, and of that `scopes` at the most.
  /// `expires`: running time; 0: never.
  Result<std::string> make_token(
      const Identity& maker, const std::string& name, Scopes scopes, std::int64_t utc_now, std::int64_t expires = 0);
  struct ToolTokens {
    std::string access;
    std::string refresh;  ///< good once, for another pair; empty: the other lasts
    Scopes scopes;
  };
  /// As log_in(), for a tool that keeps a token instead of a cookie. It lasts for `lifetime` milliseconds; 0: until
  /// the password is changed. `name`: what the token is called.
  Result<ToolTokens> token_for_password(const Login& login, const std::string& name, Scopes scopes,
      const Client& client, std::int64_t now, std::int64_t lifetime);
  /// ErrorKind::refused: unknown, over, or used.
  Result<ToolTokens> refresh_token(const std::string& refresh, std::int64_t now, std::int64_t lifetime);
  /// A code for a device that is being set up: who gives it is let in with it, once, within an hour.
  Result<std::string> make_claim_code(const Identity& maker, std::int64_t utc_now);
  Result<void> remove_token(std::int64_t id);
  /// Also one that is over, and by what it is refreshed. ErrorKind::not_found.
  Result<void> revoke_token(const std::string& token);
  std::vector<store::ApiToken> tokens() const;
  /// When tokens were used last, where that was not written down for about an hour.
  void write_token_uses();

  // users.cpp
  struct UserChange {
    std::optional<std::string> password;
    std::optional<std::string> role;
  };
  std::vector<store::UserRow> users() const;
  bool has_user(const std::string& name) const;
  /// A new user needs both; true: it is new. With another password his sessions and tools' tokens end.
  /// ErrorKind::malformed for what cannot be; ErrorKind::too_large: there are too many; ErrorKind::refused: `by` may
  /// less than the user may, or is to.
  Result<bool> save_user(const Identity& by, const std::string& name, const UserChange& change, std::int64_t utc_now);
  /// ErrorKind::not_found; ErrorKind::refused, likewise.
  Result<void> remove_user(const Identity& by, const std::string& name);

  /// Milliseconds for which this one need not try; 0: it may.
  std::int64_t locked_for(const std::string& user, const Client& client, std::int64_t now) const;

  static constexpr std::int64_t session_milliseconds = std::int64_t{30} * 24 * 3600 * 1000;
  /// How long after a tool's token has ended another one may be had for it: Particle's documentation has 14 days.
  static constexpr std::int64_t refresh_milliseconds = std::int64_t{14} * 24 * 3600 * 1000;
  static constexpr std::size_t shortest_password = 8;

private:
  struct Session {
    std::string user;
    std::int64_t expires = 0;
  };
  /// `work` returns nothing, or Result<void>.
  template <class Work>
  Result<void> persist(Work work) const {
    return persist_([work = std::move(work)](store::Database& db) -> Result<void> {
      if constexpr (std::is_void_v<decltype(work(db))>)
        return work(db), Result<void>{};
      else
        return work(db);
    });
  }
  /// The user whose password it is.
  Result<std::string> check_password(const Login& login, const Client& client, std::int64_t now);
  Lockout::Who who(const std::string& user, const Client& client) const;
  std::optional<Scopes> scopes_of_user(const std::string& user) const;  // locked
  Result<std::string> begin_session(const std::string& user, std::int64_t now);
  Result<std::string> add_token(store::ApiToken row);
  Result<ToolTokens> renew(store::ApiToken row, std::int64_t now, std::int64_t lifetime);
  void remove_old_tokens(const std::string& user, std::int64_t now);
  void keep(store::ApiToken row);                                                 // locked
  void end_sessions_of(const std::string& user, const std::string& kept_sha256);  // locked
  void forget_user(const std::string& name);
  Result<void> set_password(
      const std::string& user, const std::string& password, const std::string& kept_session_sha256);
  std::string random_text(std::size_t bytes);
  Bytes salt();

  std::atomic<std::uint64_t> changes_{0};
  mutable std::mutex mutex_;
  crypto::Random& random_;
  Persist persist_;
  std::string setup_code_;
  std::string password_;                         ///< the owner's, a hash; empty: none yet
  std::map<std::string, store::UserRow> users_;  ///< by name
  std::map<std::string, Session> sessions_;      ///< by the SHA-256 of their tokens
  std::vector<store::ApiToken> tokens_;
  mutable TokenUses uses_;
  std::vector<store::KnownBrowser> browsers_;  ///< the oldest first
  Lockout lockout_;
  std::counting_semaphore<> hashes_of_strangers_{1};
};

/// As tokens and cookies are kept.
std::string token_digest(const std::string& token);
/// ErrorKind::malformed: too short, or too long.
Result<void> check_new_password(const std::string& password);

/// Forgets all passwords and everybody who was let in; the new set-up code.
std::string reset_password(store::Database& db, crypto::Random& random);

}  // namespace drydock::web
