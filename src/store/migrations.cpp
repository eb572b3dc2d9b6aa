#include "store/migrations.hpp"

#include "base/embedded.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <charconv>
#include <fmt/core.h>

namespace drydock::embedded_migrations {
std::span<const EmbeddedFile> files();
}

namespace drydock::store {
namespace {

int number_of(const EmbeddedFile& file) {
  int number = 0;
  std::from_chars(file.name.data(), file.name.data() + file.name.size(), number);
  return number;
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

}  // namespace drydock::store
