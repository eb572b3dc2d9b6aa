#include "store/audit.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "store/statement.hpp"

namespace drydock::store {

std::int64_t append_audit(Database& db, const AuditRow& row) {
  Statement s(db, "INSERT INTO audit (at, who, via, what, outcome) VALUES (?,?,?,?,?) RETURNING id");
  s.bind(1, row.at);
  s.bind(2, shorten(row.who, limits::message_length));
  s.bind(3, row.via);
  s.bind(4, shorten(row.what, limits::message_length));
  s.bind(5, shorten(row.outcome, limits::message_length));
  s.step();
  const auto id = s.integer(0);
  s.execute_rest();
  Statement trim(db, "DELETE FROM audit WHERE id <= ?");
  trim.bind(1, id - limits::audit_entries);
  trim.execute();
  return id;
}

void set_audit_outcome(Database& db, std::int64_t id, const std::string& outcome) {
  Statement s(db, "UPDATE audit SET outcome = ? WHERE id = ?");
  s.bind(1, shorten(outcome, limits::message_length));
  s.bind(2, id);
  s.execute();
}

std::vector<AuditRow> load_audit(Database& db, std::int64_t before, int limit) {
  Statement s(db,
      "SELECT id, at, who, via, what, outcome FROM audit WHERE CAST(?1 AS BIGINT) = 0 OR id < ?1 ORDER BY id DESC "
      "LIMIT ?2");
  s.bind(1, before);
  s.bind(2, limit);
  std::vector<AuditRow> rows;
  while (s.step()) rows.push_back({s.integer(0), s.integer(1), s.text(2), s.text(3), s.text(4), s.text(5)});
  return rows;
}

}  // namespace drydock::store
