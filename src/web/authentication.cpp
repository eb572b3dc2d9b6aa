#include "web/authentication.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "crypto/hash.hpp"
#include "web/password.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::web {
namespace {

constexpr const char* password_key = "password";
constexpr const char* setup_key = "setup_code";
constexpr std::size_t longest_password = 1024;
constexpr std::size_t peers_remembered = 1000;
constexpr int free_attempts = 3;
constexpr std::int64_t max_lockout = 15 * 60 * 1000;

std::string digest(const std::string& token) {
  return to_hex(crypto::sha256(view_of(token)));
}

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
  return digest(a) == digest(b);
}

Result<void> check_new_password(const std::string& password) {
  if (password.size() < Authentication::shortest_password)
    return failure(ErrorKind::malformed,
        fmt::format("the password needs {} characters or more", Authentication::shortest_password));
  if (password.size() > longest_password) return failure(ErrorKind::malformed, "the password is too long");
  return {};
}

}  // namespace

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
  sessions_.clear();
  for (const auto& session : store::load_web_sessions(db, now)) sessions_[session.token_sha256] = session.expires;
  tokens_ = store::load_api_tokens(db);
  ++changes_;
  browsers_.clear();
  for (auto& browser : store::load_known_browsers(db)) browsers_.insert(std::move(browser));
}

std::string reset_password(store::Database& db, crypto::Random& random) {
  store::forget_all_access(db);
  auto code = readable_code(random);
  store::save_setting(db, setup_key, code);
  return code;
}

std::string Authentication::who(const std::string& browser, const std::string& address) const {
  const auto sha = digest(browser);
  const std::lock_guard lock(mutex_);
  return !browser.empty() && browsers_.contains(sha) ? "browser " + sha : address;
}

Result<std::string> Authentication::trust_browser(std::int64_t now) {
  const auto token = random_text(24);
  const auto sha = digest(token);
  const auto kept = persist_([sha, now](store::Database& db) {
    store::save_known_browser(db, sha, now, static_cast<int>(limits::known_browsers));
  });
  if (!kept) return tl::unexpected(kept.error());
  const std::lock_guard lock(mutex_);
  browsers_.insert(sha);
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

Result<std::string> Authentication::set_up(
    const std::string& code, const std::string& password, const std::string& who, std::int64_t now) {
  if (!needs_setup()) return failure(ErrorKind::conflict, "a password was set already: log in with it");
  if (auto may = register_attempt(who, now); !may) return tl::unexpected(may.error());
  if (!equal_in_constant_time(code, setup_code()))
    return failure(ErrorKind::refused, "this is not the set-up code: 'drydock status' shows it, and so does the log");
  succeeded(who);
  if (auto good = check_new_password(password); !good) return tl::unexpected(good.error());
  const auto hash = hash_password(password, salt());
  const auto kept = persist_([hash](store::Database& db) {
    store::save_setting(db, password_key, hash);
    store::remove_setting(db, setup_key);
  });
  if (!kept) return tl::unexpected(kept.error());
  {
    const std::lock_guard lock(mutex_);
    password_ = hash;
    setup_code_.clear();
  }
  return begin_session(now);
}

Result<void> Authentication::check_password(const std::string& password, const std::string& who, std::int64_t now) {
  std::string hash;
  {
    const std::lock_guard lock(mutex_);
    hash = password_;
  }
  if (hash.empty()) return failure(ErrorKind::conflict, "no password was set yet");
  if (auto may = register_attempt(who, now); !may) return may;
  if (password.size() > longest_password || !is_password(password, hash))
    return failure(ErrorKind::refused, "this is not the password");
  succeeded(who);
  return {};
}

Result<std::string> Authentication::log_in(const std::string& password, const std::string& who, std::int64_t now) {
  if (const auto right = check_password(password, who, now); !right) return tl::unexpected(right.error());
  return begin_session(now);
}

Result<std::string> Authentication::token_for_password(const std::string& password, const std::string& name,
    const std::string& who, std::int64_t now, std::int64_t lifetime) {
  if (const auto right = check_password(password, who, now); !right) return tl::unexpected(right.error());
  for (const auto& token : tokens())
    if (token.expires != 0 && token.expires <= now) (void)remove_token(token.id);
  return add_token({0, name, "", utc_milliseconds(), lifetime == 0 ? 0 : now + lifetime, true});
}

Result<void> Authentication::change_password(const std::string& old_one, const std::string& new_one,
    const std::string& session, const std::string& who, std::int64_t now) {
  if (auto may = register_attempt(who, now); !may) return may;
  std::string hash;
  {
    const std::lock_guard lock(mutex_);
    hash = password_;
  }
  if (!is_password(old_one, hash)) return failure(ErrorKind::refused, "this is not the password");
  succeeded(who);
  if (auto good = check_new_password(new_one); !good) return good;
  const auto new_hash = hash_password(new_one, salt());
  const auto kept = digest(session);
  const auto written = persist_([new_hash, kept](store::Database& db) {
    store::save_setting(db, password_key, new_hash);
    store::remove_other_web_sessions(db, kept);
    store::remove_tokens_by_password(db);
  });
  if (!written) return written;
  const std::lock_guard lock(mutex_);
  password_ = new_hash;
  std::erase_if(sessions_, [&](const auto& entry) { return entry.first != kept; });
  std::erase_if(tokens_, [](const auto& token) { return token.by_password; });
  ++changes_;
  return {};
}

Result<void> Authentication::log_out(const std::string& session) {
  const auto sha = digest(session);
  {
    const std::lock_guard lock(mutex_);
    if (sessions_.erase(sha) == 0) return {};
    ++changes_;
  }
  return persist_([sha](store::Database& db) { store::remove_web_session(db, sha); });
}

std::int64_t Authentication::session_until(const std::string& session, std::int64_t now) const {
  if (session.empty()) return 0;
  const auto sha = digest(session);
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sha);
  return found != sessions_.end() && found->second > now ? found->second : 0;
}

std::optional<store::ApiToken> Authentication::token_of(const std::string& token, std::int64_t now) const {
  if (token.empty()) return std::nullopt;
  const auto sha = digest(token);
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(tokens_.begin(), tokens_.end(), [&](const auto& t) { return t.token_sha256 == sha; });
  if (found == tokens_.end() || (found->expires != 0 && found->expires <= now)) return std::nullopt;
  return *found;
}

Result<std::string> Authentication::make_token(const std::string& name, std::int64_t utc_now) {
  return add_token({0, name, "", utc_now});
}

Result<std::string> Authentication::add_token(store::ApiToken row) {
  const auto token = "drydock_" + random_text(24);
  row.name = row.name.substr(0, 64);
  row.token_sha256 = digest(token);
  const auto id = std::make_shared<std::int64_t>(0);
  const auto kept = persist_([row, id](store::Database& db) { *id = store::add_api_token(db, row); });
  if (!kept) return tl::unexpected(kept.error());
  row.id = *id;
  const std::lock_guard lock(mutex_);
  tokens_.push_back(row);
  return token;
}

Result<void> Authentication::remove_token(std::int64_t id) {
  {
    const std::lock_guard lock(mutex_);
    if (std::erase_if(tokens_, [&](const auto& token) { return token.id == id; }) == 0)
      return failure(ErrorKind::not_found, "there is no such token");
    ++changes_;
  }
  return persist_([id](store::Database& db) { store::remove_api_token(db, id); });
}

std::vector<store::ApiToken> Authentication::tokens() const {
  const std::lock_guard lock(mutex_);
  return tokens_;
}

std::int64_t Authentication::locked_for(const std::string& who, std::int64_t now) const {
  const std::lock_guard lock(mutex_);
  const auto found = failures_.find(who);
  return found == failures_.end() ? 0 : std::max<std::int64_t>(0, found->second.locked_until - now);
}

// Counts as failed until it has succeeded: many that try at the same time are stopped before its passwords are looked
// at, each of which costs a slow hash.
Result<void> Authentication::register_attempt(const std::string& who, std::int64_t now) {
  const std::lock_guard lock(mutex_);
  if (failures_.size() >= peers_remembered && !failures_.contains(who)) {
    // The one that has waited longest is forgotten first.
    failures_.erase(std::min_element(failures_.begin(), failures_.end(),
        [](const auto& a, const auto& b) { return a.second.locked_until < b.second.locked_until; }));
  }
  auto& known = failures_[who];
  if (known.locked_until > now)
    return failure(ErrorKind::rate_limited,
        fmt::format("too many wrong tries: wait {} s", (known.locked_until - now + 999) / 1000));
  ++known.count;
  if (known.count < free_attempts) return {};
  const auto doublings = std::min(known.count - free_attempts, 20);
  known.locked_until = now + std::min(max_lockout, std::int64_t{1000} << doublings);
  return {};
}

void Authentication::succeeded(const std::string& who) {
  const std::lock_guard lock(mutex_);
  failures_.erase(who);
}

Result<std::string> Authentication::begin_session(std::int64_t now) {
  const auto token = random_text(24);
  const store::WebSession session{digest(token), now, now + session_milliseconds};
  const auto kept = persist_([session](store::Database& db) { store::save_web_session(db, session); });
  if (!kept) return tl::unexpected(kept.error());
  const std::lock_guard lock(mutex_);
  sessions_[session.token_sha256] = session.expires;
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
