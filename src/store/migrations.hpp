// Numbered SQL files, embedded in the program, each applied once and whole. PostgreSQL's begin with the one that makes
// what SQLite's had made up to that number; from there on both have the same numbers. The number of the last one
// applied is SQLite's PRAGMA user_version, and the only row of PostgreSQL's table drydock_schema.
#pragma once

#include "store/engine.hpp"

namespace SQLite {
class Database;
}

namespace drydock::store {

class PostgresqlConnection;

/// Of SQLite's and PostgreSQL's alike.
int newest_migration();

/// Applies what is missing, up to that number, each file in a transaction of its own. Throws SQLite::Exception; then
/// the failing file has left no trace.
void migrate(SQLite::Database& sql, int up_to = newest_migration());

/// Likewise, for read_write. Throws StoreError, also when the tables are newer than this program, and for read_only
/// when they are older or not there. `shown` names the database to people.
void migrate_postgresql(PostgresqlConnection& connection, Access access, const std::string& shown);

}  // namespace drydock::store
