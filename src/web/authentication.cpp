#include "web/authentication.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "web/password.hpp"
#include "web/fair_places.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <memory>

namespace drydock::web {
namespace {

constexpr const char* password_key = "password";
constexpr const char* setup_key = "setup_code";
constexpr std::size_t longest_password = 1024;
constexpr std::size_t sessions_of_a_user = 200;
constexpr auto longest_wait_for_hash = std::chrono::seconds(3);

// For people to type: no letters that look like others.
std::string readable_code(crypto::Random& random) {
  constexpr std::string_view letters = "abcdefghjkmnpqrstuvwxyz23456789";
  constexpr std::size_t groups = 3;
  constexpr std::size_t letters_in_group = 4;
  std::string code;
  for (std::size_t i = 0; i < groups * letters_in_group; ++i) {
    if (i > 0 && i % letters_in_group == 0) code += '-';
    // 31 letters; 248 is the largest multiple in a byte.
    auto byte = random.bytes(1)[0];
    while (byte >= 248) byte = random.bytes(1)[0];
    code += letters[byte % letters.size()];
  }
  return code;
}

bool equal_in_constant_time(const std::string& a, const std::string& b) {
  // Both sides are digests: what leaks by time is nothing anybody could use.
  return token_digest(a) == token_digest(b);
}

}  // namespace

std::string token_digest(const std::string& token) {
  return to_hex(crypto::sha256(view_of(token)));
}

Result<void> check_new_password(const std::string& password) {
  if (password.size() < Authentication::shortest_password)
    return failure(ErrorKind::malformed,
        fmt::format("the password needs {} characters or more", Authentication::shortest_password));
  if (password.size() > longest_password) return failure(ErrorKind::malformed, "the password is too long");
  return {};
}

Authentication::Authentication(store::Database& db, crypto::Random& random, Persist persist, std::int64_t now)
    : random_(random), persist_(std::move(persist)) {
  reload(db, now);
  if (!password_.empty() || !setup_code_.empty()) return;
  // Machines that share a database have one code, whichever comes first.
  (void)db.transact([this](store::Database& to) -> Result<void> {
    to.connection().lock("setup code");
    if (!store::load_setting(to, setup_key)) store::save_setting(to, setup_key, readable_code(random_));
    return {};
  });
  reload(db, now);
}

void Authentication::reload(store::Database& db, std::int64_t now) {
  const std::lock_guard lock(mutex_);
  password_ = store::load_setting(db, password_key).value_or("");
  setup_code_ = password_.empty() ? store::load_setting(db, setup_key).value_or("") : "";
  users_.clear();
  for (auto& user : store::load_users(db)) users_[user.name] = user;
  sessions_.clear();
  for (const auto& session : store::load_web_sessions(db, now))
    sessions_[session.token_sha256] = {session.user, session.expires};
  tokens_ = store::load_api_tokens(db);
  ++changes_;
  browsers_ = store::load_known_browsers(db);
}

std::string reset_password(store::Database& db, crypto::Random& random) {
  store::forget_all_access(db);
  auto code = readable_code(random);
  store::save_setting(db, setup_key, code);
  return code;
}

bool Authentication::is_trusted(const std::string& browser, const std::string& user) const {
  if (browser.empty()) return false;
  const auto sha = token_digest(browser);
  const std::lock_guard lock(mutex_);
  return std::any_of(browsers_.begin(), browsers_.end(),
      [&](const auto& known) { return known.token_sha256 == sha && known.user == user; });
}

// By account, too: who has one password must not begin anew at another's by using his own.
Lockout::Who Authentication::who(const std::string& user, const Client& client) const {
  return {
      is_trusted(client.browser, user) ? "browser " + token_digest(client.browser) : network_of(client.address), user};
}

Result<std::string> Authentication::trust_browser(const std::string& user, std::int64_t now) {
  const auto token = random_text(24);
  const store::KnownBrowser browser{token_digest(token), now, user};
  const auto kept = persist([browser](store::Database& db) {
    store::save_known_browser(db, browser, static_cast<int>(limits::known_browsers));
  });
  if (!kept) return tl::unexpected(kept.error());
  const std::lock_guard lock(mutex_);
  browsers_.push_back(browser);
  const auto is_his = [&](const auto& known) { return known.user == user; };
  if (static_cast<std::size_t>(std::count_if(browsers_.begin(), browsers_.end(), is_his)) > limits::known_browsers)
    browsers_.erase(std::find_if(browsers_.begin(), browsers_.end(), is_his));
  return token;
}

bool Authentication::needs_setup() const {
  const std::lock_guard lock(mutex_);
  return password_.empty();
}

std::string Authentication::setup_code() const {
  const std::lock_guard lock(mutex_);
  return setup_code_;
}

namespace {

// Without the dashes that make it readable, and in any letters.
std::string as_typed(const std::string& code) {
  std::string kept;
  for (const char c : lower_ascii(code))
    if (c != '-' && c != ' ') kept += c;
  return kept;
}

}  // namespace

Result<std::string> Authentication::set_up(
    const std::string& code, const std::string& password, const Client& client, std::int64_t now) {
  if (!needs_setup()) return failure(ErrorKind::conflict, "a password was set already: log in with it");
  const auto tries = who("", client);
  if (auto may = lockout_.register_attempt(tries, now); !may) return tl::unexpected(may.error());
  if (!equal_in_constant_time(as_typed(code), as_typed(setup_code())))
    return failure(ErrorKind::refused, "this is not the set-up code: 'drydock status' shows it, and so does the log");
  lockout_.succeeded(tries);
  if (auto good = check_new_password(password); !good) return tl::unexpected(good.error());
  const auto hash = hash_password(password, salt());
  const auto kept = persist([hash](store::Database& db) {
    store::save_setting(db, password_key, hash);
    store::remove_setting(db, setup_key);
  });
  if (!kept) return tl::unexpected(kept.error());
  {
    const std::lock_guard lock(mutex_);
    password_ = hash;
    setup_code_.clear();
  }
  return begin_session("", now);
}

// An unknown name costs as much time as a known one, and is counted as the owner's: nobody finds out who there is.
Result<std::string> Authentication::check_password(const Login& login, const Client& client, std::int64_t now) {
  std::string hash;
  std::string user = lower_ascii(login.user);
  bool known = true;
  {
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(user);
    hash = found != users_.end() ? found->second.password : password_;
    known = found != users_.end() || user.empty();
  }
  if (!known) user.clear();
  if (hash.empty()) return failure(ErrorKind::conflict, "no password was set yet");
  const auto tries = who(user, client);
  if (auto may = lockout_.check(tries.client, now); !may) return tl::unexpected(may.error());
  // However many addresses they come from, those whom nobody knows keep one core busy.
  const bool stranger = !is_trusted(client.browser, user);
  if (stranger && !hashes_of_strangers_.try_acquire_for(longest_wait_for_hash))
    return failure(ErrorKind::rate_limited, "too many log in at the same time: try again");
  const auto give_back = [this](const bool* taken) {
    if (*taken) hashes_of_strangers_.release();
  };
  const std::unique_ptr<const bool, decltype(give_back)> place(&stranger, give_back);  // a hash may find no memory
  if (auto may = lockout_.register_attempt(tries, now); !may) return tl::unexpected(may.error());
  const bool right = login.password.size() <= longest_password && is_password(login.password, hash);
  if (!right || !known)
    return failure(ErrorKind::refused,
        login.user.empty() ? "this is not the password" : "this is not the password, or there is no such user");
  lockout_.succeeded(tries);
  return user;
}

Result<std::string> Authentication::log_in(const Login& login, const Client& client, std::int64_t now) {
  const auto user = check_password(login, client, now);
  return user ? begin_session(*user, now) : tl::unexpected(user.error());
}

Result<void> Authentication::change_password(const std::string& old_one, const std::string& new_one,
    const std::string& session, const Client& client, std::int64_t now) {
  const auto identity = by_session(session, now);
  if (!identity) return failure(ErrorKind::refused, "log in first: a password is changed by whom it lets in");
  const auto right = check_password({identity->user, old_one}, client, now);
  if (!right && right.error().kind == ErrorKind::refused)
    return failure(ErrorKind::refused, "this is not the password");
  if (!right) return tl::unexpected(right.error());
  if (auto good = check_new_password(new_one); !good) return good;
  return set_password(identity->user, new_one, token_digest(session));
}

Result<void> Authentication::set_password(
    const std::string& user, const std::string& password, const std::string& kept_session_sha256) {
  const auto hash = hash_password(password, salt());
  const auto written = persist([user, hash, kept_session_sha256](store::Database& db) -> Result<void> {
    if (user.empty()) {
      store::save_setting(db, password_key, hash);
    } else if (auto changed = store::change_user(db, user, hash, ""); !changed) {
      return changed;
    }
    store::end_sessions_of_user(db, user, kept_session_sha256);
    return {};
  });
  if (!written) return written;
  const std::lock_guard lock(mutex_);
  if (user.empty())
    password_ = hash;
  else if (const auto found = users_.find(user); found != users_.end())
    found->second.password = hash;
  end_sessions_of(user, kept_session_sha256);
  return {};
}

void Authentication::end_sessions_of(const std::string& user, const std::string& kept_sha256) {
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.user == user && entry.first != kept_sha256; });
  std::erase_if(tokens_, [&](const auto& token) { return token.user == user && token.by_password; });
  ++changes_;
}

Result<void> Authentication::log_out(const std::string& session) {
  const auto sha = token_digest(session);
  {
    const std::lock_guard lock(mutex_);
    if (sessions_.erase(sha) == 0) return {};
    ++changes_;
  }
  const auto written = persist([sha](store::Database& db) { store::remove_web_session(db, sha); });
  const std::lock_guard lock(mutex_);
  sessions_.erase(sha);  // reload() may have found it in the store before
  return written;
}

std::optional<Scopes> Authentication::scopes_of_user(const std::string& user) const {
  if (user.empty()) return Scopes::all();
  const auto found = users_.find(user);
  if (found == users_.end()) return std::nullopt;
  const auto scopes = scopes_of_role(found->second.role);
  return scopes ? std::optional(*scopes) : std::nullopt;
}

std::optional<Identity> Authentication::by_session(const std::string& session, std::int64_t now) const {
  if (session.empty()) return std::nullopt;
  const auto sha = token_digest(session);
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sha);
  if (found == sessions_.end() || found->second.expires <= now) return std::nullopt;
  const auto& user = found->second.user;
  const auto scopes = scopes_of_user(user);
  if (!scopes) return std::nullopt;
  return Identity{user, user.empty() ? "owner" : user, *scopes, found->second.expires, true};
}

std::int64_t Authentication::locked_for(const std::string& user, const Client& client, std::int64_t now) const {
  const auto name = lower_ascii(user);
  return lockout_.locked_for(who(has_user(name) ? name : "", client).client, now);
}

Result<std::string> Authentication::begin_session(const std::string& user, std::int64_t now) {
  const auto token = random_text(24);
  const store::WebSession session{token_digest(token), now, now + session_milliseconds, user};
  const auto kept = persist([session](store::Database& db) { store::save_web_session(db, session); });
  if (!kept) return tl::unexpected(kept.error());
  std::string oldest;
  {
    const std::lock_guard lock(mutex_);
    sessions_[session.token_sha256] = {user, session.expires};
    // Who logs in again and again fills no memory.
    std::size_t his = 0;
    auto first = sessions_.end();
    for (auto one = sessions_.begin(); one != sessions_.end(); ++one) {
      if (one->second.user != user) continue;
      ++his;
      if (first == sessions_.end() || one->second.expires < first->second.expires) first = one;
    }
    if (his <= sessions_of_a_user) return token;
    oldest = first->first;
    sessions_.erase(first);
    ++changes_;
  }
  (void)persist([oldest](store::Database& db) { store::remove_web_session(db, oldest); });
  return token;
}

Bytes Authentication::salt() {
  const std::lock_guard lock(mutex_);
  return random_.bytes(salt_size);
}

std::string Authentication::random_text(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  return to_hex(random_.bytes(bytes));
}

}  // namespace drydock::web
