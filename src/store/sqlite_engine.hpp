// SQLite, through SQLiteCpp.
#pragma once

#include "store/engine.hpp"

#include <filesystem>

namespace SQLite {
class Database;
}

namespace drydock::store {

class SqliteConnection final : public Connection {
public:
  /// Opens and, for read_write, creates and migrates. Throws StoreError; then the file is as it was. `vfs` may be null.
  static std::unique_ptr<SqliteConnection> open(const std::filesystem::path& file, Access access, const char* vfs);
  /// In memory, migrated.
  static std::unique_ptr<SqliteConnection> in_memory();
  ~SqliteConnection() override;

  SQLite::Database& sql() { return *sql_; }
  /// "ok", or what is damaged.
  std::string integrity();

  Engine engine() const override { return Engine::sqlite; }
  std::unique_ptr<Prepared> prepare(const std::string& sql) override;
  std::int64_t execute(const std::string& sql) override;
  void begin(Transaction kind) override;
  void commit() override;
  void rollback() noexcept override;
  bool in_transaction() const override;
  void set_durable(bool durable) override;
  void limit_lock_wait(std::chrono::milliseconds) override {}
  void lock(const char*) override {}

  /// Prepared statements that nobody uses now, for the next that runs the same query.
  class IdleStatements;

private:
  explicit SqliteConnection(std::unique_ptr<SQLite::Database> sql);
  std::unique_ptr<SQLite::Database> sql_;
  std::unique_ptr<IdleStatements> idle_;
  std::uint64_t page_size_ = 0;
};

}  // namespace drydock::store
