#include "store/changes.hpp"

#include "store/statement.hpp"

namespace drydock::store {

// Revisions are committed in their order: whoever saw one has seen all below it.
void order_changes(Database& db) {
  db.connection().lock("changes");
}

void note_change(Database& db, const std::string& subject) {
  order_changes(db);
  Statement s(db,
      "INSERT INTO changes (revision, subject) SELECT coalesce(max(revision), 0) + 1, CAST(? AS TEXT) FROM changes "
      "WHERE true ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision");
  s.bind(1, subject);
  s.execute();
}

std::vector<Change> changes_since(Database& db, std::int64_t revision) {
  Statement s(db, "SELECT revision, subject FROM changes WHERE revision > ? ORDER BY revision");
  s.bind(1, revision);
  std::vector<Change> changes;
  while (s.step()) changes.push_back({s.integer(0), s.text(1)});
  return changes;
}

std::int64_t latest_change(Database& db) {
  return query_integer(db, "SELECT coalesce(max(revision), 0) FROM changes");
}

}  // namespace drydock::store
