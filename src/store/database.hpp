// The database: SQLite's file, or a PostgreSQL server's. Only this layer knows SQL; it is used by the server and the
// command line, never by codecs, planner or transports.
#pragma once

#include "base/result.hpp"
#include "store/engine.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace drydock::store {

class SqliteConnection;

/// SQLite's, as it runs.
const char* library_version();

/// Of a SQLite file's schema, without changing it; 0 when it cannot be read.
int schema_version(const std::filesystem::path& file);

/// Where a database is.
struct Location {
  std::filesystem::path file;  ///< SQLite's
  std::string url;             ///< postgresql://USER@HOST/DATABASE, as libpq takes it; empty: the file it is
};

/// For people: without a password.
std::string shown(const Location& location);

/// What is open()ed although everything in it was moved elsewhere: see note_moved().
enum class Moved { refuse, allow };

class Database {
public:
  /// Opens and, for read_write, creates and migrates. Throws StoreError; then the database is as it was. `vfs` names
  /// another way to the disk than SQLite's own: the simulator has one.
  static Database open(const std::filesystem::path& file, Access access, const char* vfs = nullptr);
  /// Likewise, of either engine. Throws StoreError, too, when everything in it was moved elsewhere.
  static Database open(const Location& location, Access access, Moved moved = Moved::refuse);
  /// For tests: SQLite in memory, migrated.
  static Database in_memory();

  /// "ok", or what is damaged. PostgreSQL looks after itself.
  std::string integrity();

  /// Runs `work` in a transaction, of which nothing stays when it gives a failure or throws.
  Result<void> transact(const std::function<Result<void>(Database&)>& work);

  /// For as long as this connection lasts. False: others have it in a way that does not go with that. `taken` is
  /// called when the connection was lost and somebody came meanwhile who replaces everything; nothing is written any
  /// more then. Of a SQLite file the state folder's lock says it.
  bool claim(Claim kind, std::function<void()> taken = {});

  Engine engine() const { return connection_->engine(); }
  Connection& connection() { return *connection_; }
  /// Throws std::logic_error where it is another engine.
  SqliteConnection& sqlite();

private:
  explicit Database(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  std::unique_ptr<Connection> connection_;
};

}  // namespace drydock::store
