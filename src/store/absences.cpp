#include "store/absences.hpp"

#include "store/statement.hpp"

namespace drydock::store {

void restart_absences(Database& db, std::int64_t now) {
  Statement s(db, "UPDATE absences SET since = ? WHERE told = 0");
  s.bind(1, now);
  s.execute();
}

AbsenceNews look_at_absences(Database& db, std::int64_t now, std::int64_t longest, int most) {
  AbsenceNews news;
  Statement back(db,
      "DELETE FROM absences WHERE device_id IN (SELECT id FROM devices WHERE connected = 1) RETURNING device_id, "
      "since, "
      "told");
  while (back.step())
    if (back.integer(2) != 0 && back.integer(1) != 0) news.ended.push_back({back.text(0), back.integer(1)});
  Statement left(db,
      "INSERT INTO absences (device_id, since, told) SELECT id, ?, 0 FROM devices WHERE connected = 0 AND last_seen > "
      "0 "
      "AND approval = 'approved' AND NOT EXISTS (SELECT 1 FROM absences WHERE device_id = id) ON CONFLICT (device_id) "
      "DO "
      "NOTHING");
  left.bind(1, now);
  left.execute();
  Statement told(db,
      "UPDATE absences SET told = 1 WHERE device_id IN (SELECT device_id FROM absences WHERE told = 0 AND since <= ? "
      "ORDER BY since, device_id LIMIT ?) RETURNING device_id, since");
  told.bind(1, now - longest);
  told.bind(2, most);
  while (told.step()) news.begun.push_back({told.text(0), told.integer(1)});
  return news;
}

}  // namespace drydock::store
