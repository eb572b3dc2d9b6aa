#include "store/database.hpp"

#include "store/moved.hpp"
#include "store/postgresql_engine.hpp"
#include "store/postgresql_values.hpp"
#include "store/sqlite_engine.hpp"
#include "store/statement.hpp"

namespace drydock::store {

Database Database::open(const std::filesystem::path& file, Access access, const char* vfs) {
  return Database(SqliteConnection::open(file, access, vfs));
}

Database Database::open(const Location& location, Access access, Moved moved) {
  Database db =
      location.url.empty() ? open(location.file, access) : Database(PostgresqlConnection::open(location.url, access));
  if (moved == Moved::refuse) require_not_moved(db, shown(location));
  return db;
}

std::string shown(const Location& location) {
  return location.url.empty() ? location.file.string() : shown_url(location.url);
}

Database Database::in_memory() {
  return Database(SqliteConnection::in_memory());
}

std::string Database::integrity() {
  return engine() == Engine::sqlite ? sqlite().integrity() : "ok";
}

Result<void> Database::transact(const std::function<Result<void>(Database&)>& work) {
  Transaction transaction(*this, Connection::Transaction::writes);
  auto done = work(*this);
  if (done) transaction.commit();
  return done;
}

bool Database::claim(Claim kind, std::function<void()> taken) {
  if (engine() == Engine::sqlite) return true;
  return static_cast<PostgresqlConnection&>(*connection_).claim(kind, std::move(taken));
}

SqliteConnection& Database::sqlite() {
  if (engine() != Engine::sqlite) throw std::logic_error("this database is not SQLite's");
  return static_cast<SqliteConnection&>(*connection_);
}

}  // namespace drydock::store
