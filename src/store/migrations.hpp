// Numbered SQL files, embedded in the program, each applied once and whole. PRAGMA user_version is the number of the
// last one.
#pragma once

namespace SQLite {
class Database;
}

namespace drydock::store {

int newest_migration();

/// Applies what is missing, up to that number, each file in a transaction of its own. Throws SQLite::Exception; then
/// the failing file has left no trace.
void migrate(SQLite::Database& sql, int up_to = newest_migration());

}  // namespace drydock::store
