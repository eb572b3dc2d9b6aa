#include "store/readers.hpp"

#include <optional>

namespace drydock::store {
namespace {

constexpr std::size_t most_idle = 4;

}  // namespace

Database Readers::take() {
  if (location_.url.empty()) return Database::open(location_.file, Access::read_only);
  std::optional<Database> db;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      db.emplace(std::move(idle_.back()));
      idle_.pop_back();
    }
  }
  if (!db) db.emplace(Database::open(location_, Access::read_only));
  db->connection().begin(Connection::Transaction::reads);          // connects again where it must
  db->connection().execute("SET LOCAL statement_timeout = '5s'");  // a person waits
  return std::move(*db);
}

void Readers::give_back(Database db) {
  if (location_.url.empty()) return;
  db.connection().rollback();
  const std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle) idle_.push_back(std::move(db));
}

}  // namespace drydock::store
