#include "store/change_listener.hpp"

#include "store/postgresql_engine.hpp"
#include "store/statement.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace drydock::store {
namespace {

// What a lost notification costs at most, and how often a server that is away is tried.
constexpr int look_milliseconds = 5000;
constexpr int retry_milliseconds = 1000;

constexpr const char* latest = "SELECT coalesce(max(revision), 0) FROM changes";

long long ask(PostgresqlConnection& connection, const std::string& sql) {
  const auto statement = connection.prepare(sql);
  return statement->step() ? statement->integer(0) : 0;
}

}  // namespace

ChangeListener::ChangeListener(std::string url, std::function<void()> changed, std::function<void(std::string)> told)
    : url_(std::move(url)), changed_(std::move(changed)), told_(std::move(told)) {
  connect();
  revision_ = ask(*connection_, latest);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

ChangeListener::~ChangeListener() {
  stopping_ = true;
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  thread_.join();
  ::close(wake_);
}

void ChangeListener::connect() {
  auto connection = PostgresqlConnection::connect(url_);
  connection->execute("LISTEN drydock_changes");
  connection->execute("LISTEN drydock_nodes");
  const auto schema = connection->prepare("SELECT current_schema()");
  if (schema->step()) schema_ = schema->text(0);
  connection_ = std::move(connection);
}

void ChangeListener::look() {
  for (auto& notification : connection_->take_notifications()) {
    const auto prefix = schema_ + " ";
    if (notification.channel == "drydock_nodes" && notification.payload.starts_with(prefix))
      told_(notification.payload.substr(prefix.size()));
  }
  const auto found = ask(*connection_, latest);
  if (std::exchange(revision_, found) != found) changed_();
}

void tell_nodes(Database& db, const std::string& text) {
  Statement s(db, "SELECT pg_notify('drydock_nodes', current_schema() || ' ' || CAST(? AS TEXT))");
  s.bind(1, text);
  s.step();
  s.execute_rest();
}

void ChangeListener::run() {
  while (!stopping_) {
    try {
      if (!connection_) {
        connect();
        changed_();  // whatever happened meanwhile; and the writer connects again, too
      }
      look();
    } catch (const std::exception&) {
      connection_.reset();  // the writer says so
    }
    pollfd waited[] = {{wake_, POLLIN, 0}, {connection_ ? connection_->socket() : -1, POLLIN, 0}};
    ::poll(waited, 2, connection_ ? look_milliseconds : retry_milliseconds);
  }
}

}  // namespace drydock::store
