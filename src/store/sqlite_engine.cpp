#include "store/sqlite_engine.hpp"

#include "base/metrics.hpp"
#include "store/database.hpp"
#include "store/migrations.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <algorithm>
#include <fcntl.h>
#include <fmt/core.h>
#include <list>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drydock::store {
namespace {

// "DRYD": marks the file, so that no other program's database is ever migrated.
constexpr int application_id = 0x44525944;
constexpr int busy_milliseconds = 5000;
metrics::Counter bytes_written("drydock_database_bytes_total", "Bytes that SQLite wrote: to its log, as a rule.");
// Small pages: a step of an update changes a few rows, and each page it touches goes to the card whole, twice.
constexpr int page_bytes = 1024;

int pragma(SQLite::Database& sql, const char* name) {
  return sql.execAndGet(fmt::format("PRAGMA {}", name)).getInt();
}

bool has_tables(SQLite::Database& sql) {
  return sql.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() > 0;
}

std::string no_space(const std::filesystem::path& file) {
  return fmt::format("no space is left for the database {}: free some on that disk and start again", file.string());
}

bool is_full(const std::filesystem::path& file) {
  constexpr std::uintmax_t shared_memory = 32 * 1024;
  std::error_code error;
  const auto space = std::filesystem::space(file.parent_path(), error);
  return !error && space.available < shared_memory;
}

[[noreturn]] void explain(const std::filesystem::path& file, const SQLite::Exception& e) {
  switch (e.getErrorCode() & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      throw StoreError(fmt::format(
          "the database {} is damaged ({}). It was left as it is. Restore a backup, or move it away to start afresh: "
          "devices must then be approved again",
          file.string(), e.what()));
    case SQLITE_FULL: throw StoreError(no_space(file));
    case SQLITE_IOERR:
      // The file that all readers share is made before anything is written, and has no code of its own for a full disk.
      if (is_full(file)) throw StoreError(no_space(file));
      throw StoreError(fmt::format(
          "the database {} cannot be read or written ({}): the disk may be failing", file.string(), e.what()));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw StoreError(
          fmt::format("the database {} cannot be opened for writing ({}): check that the state folder exists, belongs "
                      "to this user, and is not read-only",
              file.string(), e.what()));
    case SQLITE_BUSY: throw StoreError(fmt::format("the database {} is locked by another program", file.string()));
    default: throw StoreError(fmt::format("the database {}: {}", file.string(), e.what()));
  }
}

void check_identity(SQLite::Database& sql, const std::filesystem::path& file, Access access) {
  const int id = pragma(sql, "application_id");
  if (id != application_id && has_tables(sql))
    throw StoreError(fmt::format("{} is a database of another program; it was left as it is", file.string()));
  const int version = pragma(sql, "user_version");
  if (version > newest_migration())
    throw StoreError(fmt::format(
        "the database {} was written by a newer Drydock (its schema is version {}, this program knows up to {}). "
        "It was left as it is: install the newer version again, or restore a backup from before the upgrade",
        file.string(), version, newest_migration()));
  if (access == Access::read_only && version < newest_migration())
    throw StoreError(fmt::format(
        "the database {} was written by an older Drydock: start 'drydock serve' once, which brings it up to date",
        file.string()));
}

// There are keys of sessions in it, and SQLite makes what lies beside it with the same rights. A file that is there is
// never opened here: closing it would take away all locks that this process has on it (POSIX), and with them SQLite's.
void for_owner_only(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) {
    ::close(fd);
    return;
  }
  struct stat found {};
  if (::lstat(file.c_str(), &found) == 0 && S_ISREG(found.st_mode) && (found.st_mode & 077) != 0)
    ::chmod(file.c_str(), 0600);
}

void prepare_file(SQLite::Database& sql, const std::filesystem::path& file, Access access) {
  check_identity(sql, file, access);
  sql.exec("PRAGMA foreign_keys = ON");
  if (access == Access::read_only) return;
  sql.exec(fmt::format("PRAGMA page_size = {}", page_bytes));  // of a new file; an existing one keeps its own
  sql.exec("PRAGMA journal_mode = WAL");
  sql.exec("PRAGMA synchronous = FULL");
  sql.exec(fmt::format("PRAGMA application_id = {}", application_id));
  migrate(sql);
}

}  // namespace

// Parsing a statement costs more than most of them do when they run, and a device that connects runs ten.
class SqliteConnection::IdleStatements {
public:
  std::unique_ptr<SQLite::Statement> take(SQLite::Database& sql, const std::string& query) {
    const auto found =
        std::find_if(idle_.begin(), idle_.end(), [&](const auto& statement) { return statement->getQuery() == query; });
    if (found == idle_.end()) return std::make_unique<SQLite::Statement>(sql, query);
    auto statement = std::move(*found);
    idle_.erase(found);
    return statement;
  }
  void give_back(std::unique_ptr<SQLite::Statement> statement) noexcept {
    if (statement->tryReset() != SQLITE_OK) return;
    statement->clearBindings();
    idle_.push_front(std::move(statement));
    if (idle_.size() > most) idle_.pop_back();
  }

private:
  static constexpr std::size_t most = 40;
  std::list<std::unique_ptr<SQLite::Statement>> idle_;  ///< the last used one first
};

namespace {

class SqlitePrepared final : public Prepared {
public:
  SqlitePrepared(SqliteConnection::IdleStatements& idle, SQLite::Database& sql, const std::string& query)
      : idle_(idle), owned_(idle.take(sql, query)), statement_(*owned_) {}
  ~SqlitePrepared() override { idle_.give_back(std::move(owned_)); }
  SqlitePrepared(const SqlitePrepared&) = delete;
  SqlitePrepared& operator=(const SqlitePrepared&) = delete;

  void bind(int at, std::int64_t value) override { statement_.bind(at, value); }
  void bind(int at, std::string_view text) override { statement_.bind(at, std::string(text)); }
  void bind(int at, ByteView bytes) override { statement_.bind(at, bytes.data(), static_cast<int>(bytes.size())); }
  void bind_null(int at) override { statement_.bind(at); }
  bool step() override { return statement_.executeStep(); }
  std::int64_t execute() override {
    while (statement_.executeStep()) {}
    return statement_.getChanges();
  }
  void reset() override { statement_.reset(); }
  bool is_null(int column) override { return statement_.getColumn(column).isNull(); }
  std::int64_t integer(int column) override { return statement_.getColumn(column).getInt64(); }
  std::string text(int column) override { return statement_.getColumn(column).getString(); }
  Bytes bytes(int column) override {
    const auto found = statement_.getColumn(column);
    const auto* data = static_cast<const std::uint8_t*>(found.getBlob());
    return data ? Bytes(data, data + found.getBytes()) : Bytes();
  }

private:
  SqliteConnection::IdleStatements& idle_;
  std::unique_ptr<SQLite::Statement> owned_;
  SQLite::Statement& statement_;
};

}  // namespace

SqliteConnection::SqliteConnection(std::unique_ptr<SQLite::Database> sql)
    : sql_(std::move(sql)), idle_(std::make_unique<IdleStatements>()) {}
SqliteConnection::~SqliteConnection() = default;

std::unique_ptr<SqliteConnection> SqliteConnection::open(
    const std::filesystem::path& file, Access access, const char* vfs) {
  const int mode = access == Access::read_only ? SQLite::OPEN_READONLY : SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;
  if (access == Access::read_write && vfs == nullptr) for_owner_only(file);
  try {
    auto sql = std::make_unique<SQLite::Database>(file.string(), mode, busy_milliseconds, vfs ? vfs : "");
    prepare_file(*sql, file, access);
    return std::unique_ptr<SqliteConnection>(new SqliteConnection(std::move(sql)));
  } catch (const SQLite::Exception& e) {
    explain(file, e);
  }
}

std::unique_ptr<SqliteConnection> SqliteConnection::in_memory() {
  auto sql = std::make_unique<SQLite::Database>(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  prepare_file(*sql, ":memory:", Access::read_write);
  return std::unique_ptr<SqliteConnection>(new SqliteConnection(std::move(sql)));
}

std::string SqliteConnection::integrity() {
  try {
    return sql_->execAndGet("PRAGMA integrity_check").getString();
  } catch (const SQLite::Exception& e) {
    return e.what();
  }
}

std::unique_ptr<Prepared> SqliteConnection::prepare(const std::string& sql) {
  return std::make_unique<SqlitePrepared>(*idle_, *sql_, sql);
}

std::int64_t SqliteConnection::execute(const std::string& sql) {
  return sql_->exec(sql);
}

void SqliteConnection::begin(Transaction kind) {
  sql_->exec(kind == Transaction::writes ? "BEGIN IMMEDIATE" : "BEGIN");
}

void SqliteConnection::commit() {
  sql_->exec("COMMIT");
  if (page_size_ == 0) page_size_ = static_cast<std::uint64_t>(pragma(*sql_, "page_size"));
  int pages = 0;
  int unused = 0;
  constexpr int reset = 1;
  if (sqlite3_db_status(sql_->getHandle(), SQLITE_DBSTATUS_CACHE_WRITE, &pages, &unused, reset) == SQLITE_OK)
    bytes_written.add(static_cast<std::uint64_t>(pages) * page_size_);
}

void SqliteConnection::rollback() noexcept {
  if (in_transaction()) sqlite3_exec(sql_->getHandle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

// SQLite undoes a whole transaction by itself when the disk is full or fails.
bool SqliteConnection::in_transaction() const {
  return sqlite3_get_autocommit(sql_->getHandle()) == 0;
}

void SqliteConnection::set_durable(bool durable) {
  sql_->exec(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

int schema_version(const std::filesystem::path& file) {
  try {
    SQLite::Database sql(file.string(), SQLite::OPEN_READONLY, busy_milliseconds);
    return pragma(sql, "user_version");
  } catch (const SQLite::Exception&) {
    return 0;
  }
}

const char* library_version() {
  return sqlite3_libversion();
}

}  // namespace drydock::store
