#include "store/history.hpp"

#include "store/statement.hpp"

#include "base/limits.hpp"

namespace drydock::store {
namespace {

std::vector<HistoryRow> read_rows(Statement& s) {
  std::vector<HistoryRow> rows;
  while (s.step()) rows.push_back({s.integer(0), s.text(1), s.text(2), s.text(3)});
  return rows;
}

}  // namespace

void append_history(Database& db, const HistoryRow& row) {
  Statement s(db, "INSERT INTO history (at, device_id, kind, words) VALUES (?,?,?,?)");
  s.bind(1, row.at);
  s.bind(2, row.device_id);
  s.bind(3, row.kind);
  s.bind(4, row.words);
  s.execute();
  Statement trim(db,
      "DELETE FROM history WHERE device_id = ? AND id <= "
      "(SELECT id FROM history WHERE device_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)");
  trim.bind(1, row.device_id);
  trim.bind(2, row.device_id);
  trim.bind(3, limits::history_per_device);
  trim.execute();
}

std::vector<HistoryRow> recent_history(Database& db, const std::string& device_id, int limit) {
  const bool all = device_id.empty();
  Statement s(db,
      std::string("SELECT at, device_id, kind, words FROM history ") + (all ? "" : "WHERE device_id = ?2 ") +
          "ORDER BY id DESC LIMIT ?1");
  s.bind(1, limit);
  if (!all) s.bind(2, device_id);
  return read_rows(s);
}

std::vector<HistoryRow> recent_history_of_kind(Database& db, const std::string& kind, int limit) {
  Statement s(db, "SELECT at, device_id, kind, words FROM history WHERE kind = ? ORDER BY id DESC LIMIT ?");
  s.bind(1, kind);
  s.bind(2, limit);
  return read_rows(s);
}

}  // namespace drydock::store
