#include "store/changes.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace drydock::store {

void note_change(Database& db, const std::string& subject) {
  SQLite::Statement s(db.sql(), "INSERT OR REPLACE INTO changes (subject) VALUES (?)");
  s.bind(1, subject);
  s.exec();
}

std::vector<Change> changes_since(Database& db, std::int64_t revision) {
  SQLite::Statement s(db.sql(), "SELECT revision, subject FROM changes WHERE revision > ? ORDER BY revision");
  s.bind(1, revision);
  std::vector<Change> changes;
  while (s.executeStep()) changes.push_back({s.getColumn(0).getInt64(), s.getColumn(1).getString()});
  return changes;
}

std::int64_t latest_change(Database& db) {
  return db.sql().execAndGet("SELECT coalesce(max(revision), 0) FROM changes").getInt64();
}

}  // namespace drydock::store
