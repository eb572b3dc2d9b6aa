#include "store/database.hpp"

#include "store/migrations.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drydock::store {
namespace {

// "DRYD": marks the file, so that no other program's database is ever migrated.
constexpr int application_id = 0x44525944;
constexpr int busy_milliseconds = 5000;
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

void prepare(SQLite::Database& sql, const std::filesystem::path& file, Access access) {
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

Database::Database(std::unique_ptr<SQLite::Database> sql) : sql_(std::move(sql)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Database Database::open(const std::filesystem::path& file, Access access, const char* vfs) {
  const int mode = access == Access::read_only ? SQLite::OPEN_READONLY : SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;
  if (access == Access::read_write && vfs == nullptr) for_owner_only(file);
  try {
    auto sql = std::make_unique<SQLite::Database>(file.string(), mode, busy_milliseconds, vfs ? vfs : "");
    prepare(*sql, file, access);
    return Database(std::move(sql));
  } catch (const SQLite::Exception& e) {
    explain(file, e);
  }
}

int schema_version(const std::filesystem::path& file) {
  try {
    SQLite::Database sql(file.string(), SQLite::OPEN_READONLY, busy_milliseconds);
    return pragma(sql, "user_version");
  } catch (const SQLite::Exception&) {
    return 0;
  }
}

Result<void> Database::transact(const std::function<Result<void>(Database&)>& work) {
  SQLite::Transaction transaction(*sql_, SQLite::TransactionBehavior::IMMEDIATE);
  auto done = work(*this);
  if (done) transaction.commit();
  return done;
}

std::string Database::integrity() {
  try {
    return sql_->execAndGet("PRAGMA integrity_check").getString();
  } catch (const SQLite::Exception& e) {
    return e.what();
  }
}

const char* library_version() {
  return sqlite3_libversion();
}

Database Database::in_memory() {
  auto sql = std::make_unique<SQLite::Database>(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  prepare(*sql, ":memory:", Access::read_write);
  return Database(std::move(sql));
}

}  // namespace drydock::store
