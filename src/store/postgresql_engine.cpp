#include "store/postgresql_engine.hpp"

#include "store/migrations.hpp"
#include "store/postgresql_values.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/core.h>

namespace drydock::store {
namespace {

constexpr std::size_t most_prepared = 200;

// A server that does not answer is given up after this, and a frozen appliance's locks end after that.
constexpr const char* connect_seconds = "5";
constexpr const char* silence_milliseconds = "15000";
// What is acknowledged must last, whatever the server's own setting says.
constexpr const char* session =
    "SET client_min_messages = warning; SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET "
    "tcp_keepalives_count = 3; SET idle_in_transaction_session_timeout = '30s'; SET "
    "lock_timeout = '20s'; SELECT "
    "set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

// On one line, as everything in the log.
std::string trimmed(const char* message) {
  std::string text;
  for (const char* at = message ? message : ""; *at != '\0'; ++at) {
    const char c = *at == '\n' || *at == '\t' ? ' ' : *at;
    if (c != ' ' || (!text.empty() && text.back() != ' ')) text += c;
  }
  if (const auto question = text.find(" Is the server running"); question != std::string::npos) text.erase(question);
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return text;
}

std::string password_file() {
  const char* named = std::getenv("PGPASSFILE");
  return named != nullptr ? named : ".pgpass in the state folder and at home";
}

// Classes and codes of SQLSTATE, appendix A of PostgreSQL's documentation: connections, the server's own going down, no
// disk or memory left, broken files, a deadlock, a standby that only reads, and rights or tables that were taken away.
// All of these a person or time can mend.
bool is_unavailable(std::string_view sqlstate) {
  constexpr std::string_view classes[] = {"08", "40", "53", "57", "58"};
  constexpr std::string_view codes[] = {"25P03", "25006", "55P03", "42501", "42P01", "3F000"};
  const auto is_of = [&](std::string_view beginning) { return sqlstate.starts_with(beginning); };
  return std::any_of(std::begin(classes), std::end(classes), is_of) ||
      std::any_of(std::begin(codes), std::end(codes), is_of);
}
constexpr std::string_view only_reads = "25006";
constexpr std::string_view rolled_back = "40";

class PostgresqlPrepared final : public Prepared {
public:
  PostgresqlPrepared(PostgresqlConnection& connection, std::string sql)
      : connection_(connection), pq_(connection.library()), sql_(std::move(sql)) {}

  void bind(int at, std::int64_t value) override { set(at, {std::to_string(value), Kind::text}); }
  void bind(int at, std::string_view text) override { set(at, {storable_text(text), Kind::text}); }
  void bind(int at, ByteView bytes) override { set(at, {std::string(bytes.begin(), bytes.end()), Kind::bytes}); }
  void bind_null(int at) override { set(at, {}); }

  bool step() override {
    if (!result_) run();
    return ++row_ < pq_.rows(result_.get());
  }
  std::int64_t execute() override {
    run();
    const char* changed = pq_.changed_rows(result_.get());
    return changed == nullptr ? 0 : std::strtoll(changed, nullptr, 10);
  }
  void reset() override { result_.reset(); }

  bool is_null(int column) override { return pq_.is_null(result_.get(), row_, column) != 0; }
  std::int64_t integer(int column) override { return integer_value(value(column)); }
  std::string text(int column) override { return std::string(value(column)); }
  Bytes bytes(int column) override { return bytes_value(value(column)); }

private:
  enum class Kind { null, text, bytes };
  struct Value {
    std::string content;
    Kind kind = Kind::null;
  };

  void set(int at, Value value) {
    if (values_.size() < static_cast<std::size_t>(at)) values_.resize(static_cast<std::size_t>(at));
    values_[static_cast<std::size_t>(at) - 1] = std::move(value);
  }
  void run() {
    PostgresqlConnection::Parameters parameters;
    for (const auto& value : values_) {
      parameters.values.push_back(value.kind == Kind::null ? nullptr : value.content.c_str());
      parameters.lengths.push_back(static_cast<int>(value.content.size()));
      parameters.formats.push_back(value.kind == Kind::bytes ? 1 : 0);
    }
    result_ = connection_.run(sql_, parameters);
    row_ = -1;
  }
  std::string_view value(int column) {
    return {pq_.value(result_.get(), row_, column), static_cast<std::size_t>(pq_.length(result_.get(), row_, column))};
  }

  PostgresqlConnection& connection_;
  const Libpq& pq_;
  std::string sql_;
  std::vector<Value> values_;
  PostgresqlConnection::ResultPointer result_{nullptr, nullptr};
  int row_ = -1;
};

}  // namespace

PostgresqlConnection::PostgresqlConnection(const std::string& url) : pq_(Libpq::load()) {
  if (const auto fault = fault_of_url(url); !fault.empty())
    throw StoreError(fmt::format("the address of the database {} {}", shown_url(url), fault));
  const char* names[] = {
      "dbname", "client_encoding", "fallback_application_name", "connect_timeout", "tcp_user_timeout", nullptr};
  const char* values[] = {url.c_str(), "UTF8", "drydock", connect_seconds, silence_milliseconds, nullptr};
  connection_ = pq_.connect(names, values, 1);
  if (connection_ == nullptr) throw std::bad_alloc();
  if (pq_.status(connection_) != CONNECTION_OK) {
    auto why = trimmed(pq_.error_message(connection_));
    if (why.find("no password supplied") != std::string::npos) why += ". It is looked for in " + password_file();
    pq_.finish(connection_);
    throw Unavailable(fmt::format("the database {} cannot be reached: {}", shown_url(url), why));
  }
  prepare_session();
}

PostgresqlConnection::~PostgresqlConnection() {
  pq_.finish(connection_);
}

std::unique_ptr<PostgresqlConnection> PostgresqlConnection::open(const std::string& url, Access access) {
  auto connection = connect(url);
  migrate_postgresql(*connection, access, shown_url(url));
  return connection;
}

std::unique_ptr<PostgresqlConnection> PostgresqlConnection::connect(const std::string& url) {
  return std::unique_ptr<PostgresqlConnection>(new PostgresqlConnection(url));
}

void PostgresqlConnection::prepare_session() {
  pq_.set_notice_processor(
      connection_, [](void*, const char*) {}, nullptr);
  execute(session);
  PostgresqlPrepared process(*this,
      "SELECT concat(pid, ' ', extract(epoch FROM backend_start)) FROM pg_stat_activity WHERE pid = pg_backend_pid()");
  process.step();
  server_process_ = process.text(0);
}

void PostgresqlConnection::reconnect() {
  prepared_.clear();
  stale_ = false;
  pq_.reset(connection_);
  if (pq_.status(connection_) != CONNECTION_OK)
    throw Unavailable("the database cannot be reached: " + trimmed(pq_.error_message(connection_)));
  const auto before = server_process_;
  prepare_session();
  if (!claim_) return;
  // Of a connection that broke unseen the server may not know yet: what that one was doing must not be done later.
  PostgresqlPrepared end(*this,
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE "
      "concat(pid, ' ', extract(epoch FROM backend_start)) = ?");
  end.bind(1, std::string_view(before));
  end.step();
  if (try_claim(*claim_)) return;
  if (taken_) taken_();
  throw Unavailable("somebody replaces what is in the database");
}

bool PostgresqlConnection::claim(Claim kind, std::function<void()> taken) {
  if (!try_claim(kind)) return false;
  claim_ = kind;
  taken_ = std::move(taken);
  return true;
}

bool PostgresqlConnection::try_claim(Claim kind) {
  PostgresqlPrepared s(*this,
      kind == Claim::shared ? "SELECT pg_try_advisory_lock_shared(hashtext(current_schema() || '.service'))"
                            : "SELECT pg_try_advisory_lock(hashtext(current_schema() || '.service'))");
  return s.step() && s.integer(0) != 0;
}

bool PostgresqlConnection::is_connected(const std::string& name) {
  PostgresqlPrepared s(
      *this, "SELECT 1 FROM pg_stat_activity WHERE concat(pid, ' ', extract(epoch FROM backend_start)) = ?");
  s.bind(1, std::string_view(name));
  return s.step();
}

PostgresqlConnection::ResultPointer PostgresqlConnection::checked(PGresult* result) {
  ResultPointer owned(result, pq_.clear);
  const auto status = pq_.result_status(result);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return owned;
  const char* sqlstate = result ? pq_.error_field(result, PG_DIAG_SQLSTATE) : nullptr;
  const char* primary = result ? pq_.error_field(result, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
  const auto message = trimmed(primary ? primary : pq_.error_message(connection_));
  // Behind the same name there may be another server by now.
  stale_ |= sqlstate != nullptr && sqlstate == only_reads;
  if (sqlstate && std::string_view(sqlstate).starts_with(rolled_back)) throw Contended(message);
  if (pq_.status(connection_) != CONNECTION_OK || (sqlstate && is_unavailable(sqlstate))) throw Unavailable(message);
  throw StoreError(message);
}

PostgresqlConnection::ResultPointer PostgresqlConnection::run(const std::string& sql, const Parameters& parameters) {
  const auto count = static_cast<int>(parameters.values.size());
  auto name = prepared_.find(sql);
  if (name == prepared_.end()) {
    const auto translated = numbered_parameters(sql);
    if (prepared_.size() >= most_prepared)
      return checked(pq_.exec_params(connection_, translated.c_str(), count, nullptr, parameters.values.data(),
          parameters.lengths.data(), parameters.formats.data(), 0));
    auto new_name = fmt::format("s{}", prepared_.size());
    (void)checked(pq_.prepare(connection_, new_name.c_str(), translated.c_str(), 0, nullptr));
    name = prepared_.emplace(sql, std::move(new_name)).first;
  }
  return checked(pq_.exec_prepared(connection_, name->second.c_str(), count, parameters.values.data(),
      parameters.lengths.data(), parameters.formats.data(), 0));
}

std::unique_ptr<Prepared> PostgresqlConnection::prepare(const std::string& sql) {
  return std::make_unique<PostgresqlPrepared>(*this, sql);
}

std::int64_t PostgresqlConnection::execute(const std::string& sql) {
  const auto result = checked(pq_.exec(connection_, sql.c_str()));
  return std::strtoll(pq_.changed_rows(result.get()), nullptr, 10);
}

void PostgresqlConnection::begin(Transaction kind) {
  const std::string command = kind == Transaction::writes ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  if (pq_.status(connection_) != CONNECTION_OK || stale_) reconnect();
  try {
    execute(command);
  } catch (const Unavailable&) {
    reconnect();  // the server may have gone and come back since the last transaction
    execute(command);
  }
  if (kind != Transaction::writes) return;
  try {
    if (!durable_) execute("SET LOCAL synchronous_commit = off");
    if (node_ != 0) require_node();
  } catch (...) {
    rollback();  // nobody else does it for one that has not begun
    throw;
  }
}

void PostgresqlConnection::limit_lock_wait(std::chrono::milliseconds longest) {
  execute(fmt::format("SET lock_timeout = {}", longest.count()));
}

void PostgresqlConnection::require_node() {
  // Whoever takes this node for gone deletes the row, and waits until this transaction has ended.
  if (execute(fmt::format("SELECT 1 FROM nodes WHERE id = {} FOR KEY SHARE", node_)) != 0) return;
  throw Unavailable("the other machines have taken this one for gone");
}

void PostgresqlConnection::commit() {
  in_doubt_.clear();
  if (durable_) {
    const auto id = run("SELECT coalesce(CAST(pg_current_xact_id_if_assigned() AS TEXT), '')", {});
    in_doubt_ = pq_.value(id.get(), 0, 0);
  }
  execute("COMMIT");
  in_doubt_.clear();
}

bool PostgresqlConnection::was_committed() {
  if (in_doubt_.empty()) return false;
  if (pq_.status(connection_) != CONNECTION_OK) reconnect();
  PostgresqlPrepared status(*this, "SELECT coalesce(pg_xact_status(CAST(CAST(? AS TEXT) AS xid8)), 'aborted')");
  status.bind(1, std::string_view(in_doubt_));
  status.step();
  if (status.text(0) == "in progress") throw Unavailable("the database still works on what was committed");
  in_doubt_.clear();
  return status.text(0) == "committed";
}

void PostgresqlConnection::rollback() noexcept {
  if (!in_transaction()) return;
  pq_.clear(pq_.exec(connection_, "ROLLBACK"));
}

bool PostgresqlConnection::in_transaction() const {
  const auto status = pq_.transaction_status(connection_);
  return status != PQTRANS_IDLE && status != PQTRANS_UNKNOWN;
}

void PostgresqlConnection::lock(const char* name) {
  PostgresqlPrepared s(*this, "SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.' || CAST(? AS TEXT)))");
  s.bind(1, std::string_view(name));
  s.step();
}

int PostgresqlConnection::socket() const {
  return pq_.socket(connection_);
}

std::vector<PostgresqlConnection::Notification> PostgresqlConnection::take_notifications() {
  if (pq_.consume_input(connection_) == 0)
    throw Unavailable("the database's connection ended: " + trimmed(pq_.error_message(connection_)));
  std::vector<Notification> taken;
  while (auto* notification = pq_.notifies(connection_)) {
    taken.push_back({notification->relname, notification->extra});
    pq_.free_memory(notification);
  }
  return taken;
}

}  // namespace drydock::store
