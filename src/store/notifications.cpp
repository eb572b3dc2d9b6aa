#include "store/notifications.hpp"

#include "base/limits.hpp"
#include "store/postgresql_engine.hpp"

#include <charconv>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace drydock::store {
namespace {

using namespace std::chrono_literals;

// What a lost notification costs at most, and how often a server that is away is tried.
constexpr int look_milliseconds = 5000;
constexpr int retry_milliseconds = 1000;

// A device that was asked when nobody waits any more would do it twice, or when nobody expects it.
constexpr auto latest_said = 2s;
constexpr long long latest_heard_milliseconds = 5000;

constexpr const char* channel = "drydock_nodes";
constexpr const char* revision_and_time =
    "SELECT coalesce(max(revision), 0), CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) FROM changes";
// All clocks but the database's may differ.
constexpr const char* notify =
    "SELECT pg_notify(?, current_schema() || ' ' || CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) || ' "
    "' "
    "|| CAST(? AS TEXT))";

}  // namespace

Notifications::Notifications(std::string url, std::function<void()> changed, std::function<void(std::string)> told)
    : url_(std::move(url)), changed_(std::move(changed)), told_(std::move(told)) {
  connect();
  const auto latest = connection_->prepare(revision_and_time);
  if (latest->step()) revision_ = latest->integer(0);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

Notifications::~Notifications() {
  stopping_ = true;
  wake();
  thread_.join();
  ::close(wake_);
}

void Notifications::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

bool Notifications::tell(std::string text) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_bytes_ + text.size() > limits::events_to_others) return false;
    waiting_bytes_ += text.size();
    waiting_.push_back({std::move(text), std::chrono::steady_clock::now()});
  }
  wake();
  return true;
}

void Notifications::connect() {
  auto connection = PostgresqlConnection::connect(url_);
  connection->execute("LISTEN drydock_changes");
  connection->execute(std::string("LISTEN ") + channel);
  const auto schema = connection->prepare("SELECT current_schema()");
  if (schema->step()) schema_ = schema->text(0);
  connection_ = std::move(connection);
}

void Notifications::say() {
  std::deque<Words> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
    waiting_bytes_ = 0;
  }
  if (!connection_) return;
  for (const auto& words : waiting) {
    if (std::chrono::steady_clock::now() - words.since > latest_said) continue;
    const auto statement = connection_->prepare(notify);
    statement->bind(1, std::string_view(channel));
    statement->bind(2, std::string_view(words.text));
    statement->step();
  }
}

// What came with the answer to a question is in no socket that could wake anybody: until nothing more comes.
void Notifications::look() {
  for (;;) {
    const auto latest = connection_->prepare(revision_and_time);
    if (!latest->step()) return;
    const auto found = latest->integer(0);
    const auto now = latest->integer(1);
    if (std::exchange(revision_, found) != found) changed_();
    const auto notifications = connection_->take_notifications();
    if (notifications.empty()) return;
    const auto prefix = schema_ + " ";
    for (const auto& notification : notifications) {
      const std::string_view payload = notification.payload;
      if (notification.channel != channel || !payload.starts_with(prefix)) continue;
      const auto rest = payload.substr(prefix.size());
      long long said = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), said);
      if (error != std::errc() || now - said > latest_heard_milliseconds || end == rest.data() + rest.size()) continue;
      told_(std::string(end + 1, rest.data() + rest.size()));
    }
  }
}

void Notifications::run() {
  while (!stopping_) {
    std::uint64_t woken = 0;
    (void)!::read(wake_, &woken, sizeof woken);
    try {
      if (!connection_) {
        connect();
        changed_();  // whatever happened meanwhile; and the writer connects again, too
      }
      say();
      look();
    } catch (const std::exception&) {
      connection_.reset();  // the writer says so
      say();
    }
    pollfd waited[] = {{wake_, POLLIN, 0}, {connection_ ? connection_->socket() : -1, POLLIN, 0}};
    ::poll(waited, 2, connection_ ? look_milliseconds : retry_milliseconds);
  }
}

}  // namespace drydock::store
