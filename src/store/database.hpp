// The SQLite file. Only this layer knows SQL; it is used by the server and the command line, never by codecs,
// planner or transports.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace SQLite {
class Database;
}

namespace drydock::store {

/// Cannot be opened, is not ours, is damaged, is newer than this program: the message says which and what to do.
class StoreError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// SQLite's, as it runs.
const char* library_version();

/// Of a database's schema, without changing it; 0 when it cannot be read.
int schema_version(const std::filesystem::path& file);

enum class Access { read_only, read_write };

class Database {
public:
  /// Opens and, for read_write, creates and migrates. Throws StoreError; then the file is as it was. `vfs` names
  /// another way to the disk than SQLite's own: the simulator has one.
  static Database open(const std::filesystem::path& file, Access access, const char* vfs = nullptr);
  /// For tests: in memory, migrated.
  static Database in_memory();

  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  /// "ok", or what is damaged.
  std::string integrity();

  /// Runs `work` in a transaction, of which nothing stays when it gives a failure or throws.
  Result<void> transact(const std::function<Result<void>(Database&)>& work);

  SQLite::Database& sql() { return *sql_; }

private:
  explicit Database(std::unique_ptr<SQLite::Database> sql);
  std::unique_ptr<SQLite::Database> sql_;
};

}  // namespace drydock::store
