#include "store/absences.hpp"

#include "store/statement.hpp"

namespace drydock::store {

void restart_absences(Database& db, std::int64_t now) {
  Statement s(db, "UPDATE absences SET since = ? WHERE told = 0");
  s.bind(1, now);
  s.execute();
}

void shift_absences(Database& db, std::int64_t by) {
  Statement s(db, "UPDATE absences SET since = since + ? WHERE since > 0");
  s.bind(1, by);
  s.execute();
}

void forget_absences(Database& db) {
  Statement s(db, "DELETE FROM absences");
  s.execute();
}

AbsenceNews look_at_absences(Database& db, std::int64_t now, std::int64_t longest, int most) {
  AbsenceNews news;
  // Who was here between two looks was here. Of whom nobody was told there is nothing to tell, nor of who is let in no
  // more.
  Statement silent(db,
      "DELETE FROM absences WHERE device_id IN (SELECT id FROM devices JOIN absences ON absences.device_id = id WHERE "
      "approval <> 'approved' OR ((told = 0 OR since = 0) AND (connected = 1 OR (since > 0 AND last_seen > since))))");
  silent.execute();
  Statement back(db,
      "DELETE FROM absences WHERE device_id IN (SELECT id FROM devices JOIN absences ON absences.device_id = id WHERE "
      "connected = 1 OR (since > 0 AND last_seen > since) ORDER BY id LIMIT ?) RETURNING device_id, since");
  back.bind(1, most);
  while (back.step()) news.ended.push_back({back.text(0), back.integer(1)});
  Statement left(db,
      "INSERT INTO absences (device_id, since, told) SELECT id, ?, 0 FROM devices WHERE connected = 0 AND last_seen > "
      "0 "
      "AND approval = 'approved' AND NOT EXISTS (SELECT 1 FROM absences WHERE device_id = id) ON CONFLICT (device_id) "
      "DO "
      "NOTHING");
  left.bind(1, now);
  left.execute();
  Statement told(db,
      "UPDATE absences SET told = 1 WHERE told = 0 AND device_id IN (SELECT device_id FROM absences WHERE told = 0 AND "
      "since <= ? ORDER BY since, device_id LIMIT ?) RETURNING device_id, since");
  told.bind(1, now - longest);
  told.bind(2, most);
  while (told.step()) news.begun.push_back({told.text(0), told.integer(1)});
  return news;
}

}  // namespace drydock::store
