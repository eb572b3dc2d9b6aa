#include "store/history.hpp"

#include "base/limits.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace drydock::store {
namespace {

std::vector<HistoryRow> read_rows(SQLite::Statement& s) {
  std::vector<HistoryRow> rows;
  while (s.executeStep())
    rows.push_back({s.getColumn(0).getInt64(), s.getColumn(1).getString(), s.getColumn(2).getString(),
        s.getColumn(3).getString()});
  return rows;
}

}  // namespace

void append_history(Database& db, const HistoryRow& row) {
  SQLite::Statement s(db.sql(), "INSERT INTO history (at, device_id, kind, words) VALUES (?,?,?,?)");
  s.bind(1, row.at);
  s.bind(2, row.device_id);
  s.bind(3, row.kind);
  s.bind(4, row.words);
  s.exec();
  SQLite::Statement trim(db.sql(),
      "DELETE FROM history WHERE device_id = ? AND id <= "
      "(SELECT id FROM history WHERE device_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)");
  trim.bind(1, row.device_id);
  trim.bind(2, row.device_id);
  trim.bind(3, limits::history_per_device);
  trim.exec();
}

std::vector<HistoryRow> recent_history(Database& db, const std::string& device_id, int limit) {
  SQLite::Statement s(db.sql(),
      "SELECT at, device_id, kind, words FROM history WHERE ?1 = '' OR device_id = ?1 ORDER BY id DESC LIMIT ?2");
  s.bind(1, device_id);
  s.bind(2, limit);
  return read_rows(s);
}

std::vector<HistoryRow> recent_history_of_kind(Database& db, const std::string& kind, int limit) {
  SQLite::Statement s(
      db.sql(), "SELECT at, device_id, kind, words FROM history WHERE kind = ? ORDER BY id DESC LIMIT ?");
  s.bind(1, kind);
  s.bind(2, limit);
  return read_rows(s);
}

}  // namespace drydock::store
