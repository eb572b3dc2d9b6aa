#include "store/backup.hpp"

#include "store/copy.hpp"
#include "store/migrations.hpp"
#include "store/sqlite_engine.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/core.h>

namespace drydock::store {
namespace {

constexpr int backup_id = 0x44525942;      // "DRYB"
constexpr int unfinished_id = 0x44525955;  // "DRYU"
constexpr int database_id = 0x44525944;    // "DRYD"

int pragma(SQLite::Database& sql, const char* name) {
  return sql.execAndGet(fmt::format("PRAGMA {}", name)).getInt();
}
void set_id(SQLite::Database& sql, int id) {
  sql.exec(fmt::format("PRAGMA application_id = {}", id));
}

template <class Work>
auto explained(const std::filesystem::path& file, Work work) {
  try {
    return work();
  } catch (const SQLite::Exception& e) {
    throw StoreError(fmt::format("{}: {}", file.string(), e.what()));
  }
}

}  // namespace

NewBackup::NewBackup(Database& db, const std::filesystem::path& file) : file_(file) {
  explained(file_, [&] {
    if (db.engine() == Engine::sqlite) {
      SQLite::Statement copy(db.sqlite().sql(), "VACUUM INTO ?");
      copy.bind(1, file.string());
      copy.exec();
    } else {
      auto copy = Database::open(file, Access::read_write);
      copy_database(db, copy);
    }
    sql_ = std::make_unique<SQLite::Database>(file.string(), SQLite::OPEN_READWRITE);
    set_id(*sql_, unfinished_id);
    sql_->exec("PRAGMA journal_mode = DELETE");
    sql_->exec("PRAGMA secure_delete = ON");  // keys of sessions
    sql_->exec("DELETE FROM dtls_sessions");
    sql_->exec("CREATE TABLE backup_files (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT");
  });
}

NewBackup::~NewBackup() = default;

std::vector<std::string> NewBackup::modules() {
  return explained(file_, [&] {
    std::vector<std::string> list;
    SQLite::Statement s(*sql_, "SELECT sha256 FROM modules ORDER BY sha256");
    while (s.executeStep()) list.push_back(s.getColumn(0).getString());
    return list;
  });
}

void NewBackup::add(const std::string& name, ByteView content) {
  explained(file_, [&] {
    SQLite::Statement s(*sql_, "INSERT INTO backup_files (name, content) VALUES (?, ?)");
    s.bind(1, name);
    s.bind(2, content.data(), static_cast<int>(content.size()));
    s.exec();
  });
}

void NewBackup::finish() {
  explained(file_, [&] { set_id(*sql_, backup_id); });
  sql_.reset();
}

OldBackup::OldBackup(const std::filesystem::path& file) : file_(file) {
  explained(file_, [&] {
    sql_ = std::make_unique<SQLite::Database>(file.string(), SQLite::OPEN_READWRITE);
    const int id = pragma(*sql_, "application_id");
    if (id == unfinished_id) throw StoreError("it is the beginning of a backup that was never finished");
    if (id == database_id)
      throw StoreError("it is a database, not a backup: 'drydock backup' makes one, with the keys in it");
    if (id != backup_id) throw StoreError("it is no backup of Drydock's");
    if (const int version = pragma(*sql_, "user_version"); version > newest_migration())
      throw StoreError(
          fmt::format("it was made by a newer Drydock (its schema is version {}, this program knows up to {}): install "
                      "that version first",
              version, newest_migration()));
    if (const std::string found = sql_->execAndGet("PRAGMA integrity_check").getString(); found != "ok")
      throw StoreError("it is damaged: " + found);
  });
}

OldBackup::~OldBackup() = default;

std::vector<std::string> OldBackup::names() {
  return explained(file_, [&] {
    std::vector<std::string> list;
    SQLite::Statement s(*sql_, "SELECT name FROM backup_files ORDER BY name");
    while (s.executeStep()) list.push_back(s.getColumn(0).getString());
    return list;
  });
}

Bytes OldBackup::content(const std::string& name) {
  return explained(file_, [&] {
    SQLite::Statement s(*sql_, "SELECT content FROM backup_files WHERE name = ?");
    s.bind(1, name);
    if (!s.executeStep()) throw StoreError(name + " is not in it");
    const auto column = s.getColumn(0);
    const auto* data = static_cast<const std::uint8_t*>(column.getBlob());
    return Bytes(data, data + column.getBytes());
  });
}

int OldBackup::devices() {
  return explained(file_, [&] { return sql_->execAndGet("SELECT count(*) FROM devices").getInt(); });
}

int OldBackup::schema() {
  return explained(file_, [&] { return pragma(*sql_, "user_version"); });
}

void OldBackup::become_database() {
  explained(file_, [&] {
    sql_->exec("DROP TABLE backup_files");
    set_id(*sql_, database_id);
    sql_->exec("VACUUM");
  });
  sql_.reset();
}

}  // namespace drydock::store
