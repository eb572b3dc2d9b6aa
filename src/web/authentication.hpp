// Who may use the page: a password that the first visitor sets with a code from the log, sessions in cookies, tokens
// for programs, and a lockout that grows.
#pragma once

#include "base/result.hpp"
#include "crypto/random.hpp"
#include "store/access.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace drydock::web {

class Authentication {
public:
  /// Writes something down, and says whether it worked.
  using Persist = std::function<Result<void>(std::function<void(store::Database&)>)>;

  /// Loads what there is; without a password a set-up code is made and kept until it is used.
  Authentication(store::Database& db, crypto::Random& random, Persist persist, std::int64_t now);

  /// Somebody else changed who may come in: 'drydock password reset' did.
  void reload(store::Database& db, std::int64_t now);

  /// Times are milliseconds of running time, which no clock moves. `who` is what wrong tries are counted for, see
  /// who(). All may be called from any thread.
  bool needs_setup() const;
  /// For the log and `drydock status`; empty once there is a password.
  std::string setup_code() const;

  /// A new session's token, for the cookie. ErrorKind::refused; ErrorKind::rate_limited while the peer is locked out
  /// (see locked_for); ErrorKind::malformed for a password that is too short; ErrorKind::conflict when there is a
  /// password already.
  Result<std::string> set_up(
      const std::string& code, const std::string& password, const std::string& who, std::int64_t now);
  Result<std::string> log_in(const std::string& password, const std::string& who, std::int64_t now);
  /// Every other session ends.
  Result<void> change_password(const std::string& old_one, const std::string& new_one, const std::string& session,
      const std::string& who, std::int64_t now);
  /// It is out at once; a failure says that it could not be written down.
  Result<void> log_out(const std::string& session);

  /// Whom wrong tries are counted for: the browser, by the cookie it got when it logged in before, else its IP address.
  /// Unknown clients behind the same address, or the same proxy, lock out each other only.
  std::string who(const std::string& browser, const std::string& address) const;
  /// The cookie for a browser that has logged in.
  Result<std::string> trust_browser(std::int64_t now);

  bool knows_session(const std::string& session, std::int64_t now) const { return session_until(session, now) != 0; }
  /// When it ends; 0: it is unknown, or over.
  std::int64_t session_until(const std::string& session, std::int64_t now) const;
  bool knows_token(const std::string& token, std::int64_t now) const { return token_of(token, now).has_value(); }
  /// Nothing when it is unknown, or its time is over.
  std::optional<store::ApiToken> token_of(const std::string& token, std::int64_t now) const;

  /// Grows whenever somebody may be let in no longer.
  std::uint64_t changes() const { return changes_; }

  /// The token itself is given once and never again.
  Result<std::string> make_token(const std::string& name, std::int64_t utc_now);
  /// As log_in(), for a tool that keeps a token instead of a cookie. It lasts for `lifetime` milliseconds; 0: until
  /// the password is changed.
  Result<std::string> token_for_password(const std::string& password, const std::string& name, const std::string& who,
      std::int64_t now, std::int64_t lifetime);
  Result<void> remove_token(std::int64_t id);
  std::vector<store::ApiToken> tokens() const;

  /// Milliseconds for which this one need not try; 0: it may.
  std::int64_t locked_for(const std::string& who, std::int64_t now) const;

  static constexpr std::int64_t session_milliseconds = std::int64_t{30} * 24 * 3600 * 1000;
  static constexpr std::size_t shortest_password = 8;

private:
  struct Failures {
    int count = 0;
    std::int64_t locked_until = 0;
  };
  Result<void> check_password(const std::string& password, const std::string& who, std::int64_t now);
  Result<void> register_attempt(const std::string& who, std::int64_t now);
  void succeeded(const std::string& who);
  Result<std::string> add_token(store::ApiToken row);
  Result<std::string> begin_session(std::int64_t now);
  std::string random_text(std::size_t bytes);
  Bytes salt();

  std::atomic<std::uint64_t> changes_{0};
  mutable std::mutex mutex_;
  crypto::Random& random_;
  Persist persist_;
  std::string setup_code_;
  std::string password_;                          ///< hash; empty: none yet
  std::map<std::string, std::int64_t> sessions_;  ///< SHA-256 of the token → when it expires
  std::vector<store::ApiToken> tokens_;
  std::set<std::string> browsers_;            ///< SHA-256 of what known ones have
  std::map<std::string, Failures> failures_;  ///< by who()
};

/// Forgets the password and everybody who was let in; the new set-up code.
std::string reset_password(store::Database& db, crypto::Random& random);

}  // namespace drydock::web
