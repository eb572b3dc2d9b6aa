#include "store/migrations.hpp"

#include "base/embedded.hpp"
#include "store/postgresql_engine.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <charconv>
#include <fmt/core.h>

namespace drydock::embedded_migrations {
std::span<const EmbeddedFile> files();
}
namespace drydock::embedded_postgresql_migrations {
std::span<const EmbeddedFile> files();
}

namespace drydock::store {
namespace {

constexpr int oldest_postgresql = 15;

int number_of(const EmbeddedFile& file) {
  int number = 0;
  std::from_chars(file.name.data(), file.name.data() + file.name.size(), number);
  return number;
}

std::int64_t asked(PostgresqlConnection& connection, const std::string& sql) {
  const auto statement = connection.prepare(sql);
  return statement->step() ? statement->integer(0) : 0;
}

/// 0: there are no tables of ours.
std::int64_t postgresql_version(PostgresqlConnection& connection) {
  if (asked(connection, "SELECT to_regclass('drydock_schema') IS NOT NULL") == 0) return 0;
  return asked(connection, "SELECT version FROM drydock_schema");
}

}  // namespace

int newest_migration() {
  return number_of(embedded_migrations::files().back());
}

void migrate(SQLite::Database& sql, int up_to) {
  for (const auto& file : embedded_migrations::files()) {
    const int number = number_of(file);
    if (number > up_to) return;
    SQLite::Transaction transaction(sql, SQLite::TransactionBehavior::IMMEDIATE);
    // Asked under the lock: another process may be migrating too.
    if (sql.execAndGet("PRAGMA user_version").getInt() >= number) continue;
    sql.exec(std::string(file.content));
    sql.exec(fmt::format("PRAGMA user_version = {}", number));
    transaction.commit();
  }
}

void migrate_postgresql(PostgresqlConnection& connection, Access access, const std::string& shown) {
  if (asked(connection, "SELECT CAST(current_setting('server_version_num') AS INTEGER) / 10000") < oldest_postgresql)
    throw StoreError(
        fmt::format("the PostgreSQL server of {} is too old: {} or later is needed", shown, oldest_postgresql));
  const auto found = postgresql_version(connection);
  if (found > newest_migration())
    throw StoreError(fmt::format(
        "the database {} was written by a newer Drydock (its schema is version {}, this program knows up to {}). It "
        "was left as it is: install the newer version here too",
        shown, found, newest_migration()));
  if (found == newest_migration()) return;
  if (found == 0 && asked(connection, "SELECT to_regclass('devices') IS NOT NULL") != 0)
    throw StoreError(fmt::format(
        "the database {} belongs to another program. It was left as it is: Drydock needs one of its own", shown));
  if (asked(connection, "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)") == 0)
    throw StoreError(fmt::format(
        "in the database {} no tables may be made: let it belong to the role ('ALTER DATABASE name OWNER TO role')",
        shown));
  if (access == Access::read_only)
    throw StoreError(fmt::format("the database {} {}: start 'drydock serve' once, which {}", shown,
        found == 0 ? "has no tables of Drydock's yet" : "was written by an older Drydock",
        found == 0 ? "makes them" : "brings it up to date"));
  connection.begin(Connection::Transaction::writes);
  try {
    connection.lock("migrations");
    const auto version = postgresql_version(connection);  // another appliance may have been first
    for (const auto& file : embedded_postgresql_migrations::files())
      if (number_of(file) > version) connection.execute(std::string(file.content));
    connection.execute("DELETE FROM drydock_schema");
    connection.execute(fmt::format("INSERT INTO drydock_schema (version) VALUES ({})", newest_migration()));
    connection.commit();
  } catch (const Unavailable&) {
    throw;
  } catch (const StoreError& e) {
    connection.rollback();
    throw StoreError(fmt::format(
        "the tables in {} could not be made or brought up to date: {}. It was left as it is. Does it belong to another "
        "program? Drydock needs a database of its own",
        shown, e.what()));
  }
}

}  // namespace drydock::store
