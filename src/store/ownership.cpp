#include "store/ownership.hpp"

#include "store/statement.hpp"

#include <fmt/format.h>

namespace drydock::store {

std::optional<Ownership> claim_device(Database& db, const std::string& device_id, std::int64_t node, Want note) {
  Statement take(db,
      "UPDATE devices SET node = ?2, epoch = epoch + 1, wanted_by = NULL WHERE id = ?1 AND (node IS NULL OR node = ?2 "
      "OR NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.id = devices.node)) RETURNING epoch");
  take.bind(1, device_id);
  take.bind(2, node);
  if (take.step()) {
    const Ownership taken{node, take.integer(0)};
    take.execute_rest();
    return taken;
  }
  if (note == Want::no) return std::nullopt;
  // Past a row that its owner is writing: who wants it asks again.
  Statement want(db,
      fmt::format("UPDATE devices SET wanted_by = ?2 WHERE id IN (SELECT id FROM devices WHERE id = ?1 AND "
                  "coalesce(wanted_by, 0) <> ?2{})",
          db.connection().skip_locked_rows()));
  want.bind(1, device_id);
  want.bind(2, node);
  want.execute();
  return std::nullopt;
}

bool owns_device(Database& db, const std::string& device_id, const Ownership& ownership) {
  if (ownership.node == 0) return true;
  Statement s(
      db, std::string("SELECT 1 FROM devices WHERE id = ? AND node = ? AND epoch = ?") + db.connection().share_rows());
  s.bind(1, device_id);
  s.bind(2, ownership.node);
  s.bind(3, ownership.epoch);
  return s.step();
}

void require_ownership(Database& db, const std::string& device_id, const Ownership& ownership) {
  if (!owns_device(db, device_id, ownership))
    throw NotOwner(fmt::format("device {} came to another machine meanwhile, or was forgotten", device_id));
}

bool has_device(Database& db, const std::string& device_id, std::int64_t node) {
  if (node == 0) return true;
  Statement s(db, std::string("SELECT 1 FROM devices WHERE id = ? AND node = ?") + db.connection().share_rows());
  s.bind(1, device_id);
  s.bind(2, node);
  return s.step();
}

void require_node(Database& db, const std::string& device_id, std::int64_t node) {
  if (!has_device(db, device_id, node))
    throw NotOwner(fmt::format("device {} came to another machine meanwhile", device_id));
}

void release_device(Database& db, const std::string& device_id, const Ownership& ownership) {
  Statement s(db, "UPDATE devices SET node = NULL, wanted_by = NULL WHERE id = ? AND node = ? AND epoch = ?");
  s.bind(1, device_id);
  s.bind(2, ownership.node);
  s.bind(3, ownership.epoch);
  s.execute();
}

void release_unused_device(Database& db, const std::string& device_id, std::int64_t node) {
  Statement s(db, "UPDATE devices SET node = NULL, wanted_by = NULL WHERE id = ? AND node = ? AND connected = 0");
  s.bind(1, device_id);
  s.bind(2, node);
  s.execute();
}

std::vector<std::string> wanted_devices(Database& db, std::int64_t node) {
  Statement s(db, "SELECT id FROM devices WHERE node = ? AND wanted_by IS NOT NULL");
  s.bind(1, node);
  std::vector<std::string> ids;
  while (s.step()) ids.push_back(s.text(0));
  return ids;
}

bool take_turn(Database& db, const std::string& device_id, std::int64_t node, int most) {
  db.connection().lock("turns");
  Statement take(db,
      "INSERT INTO turns (device_id, node) SELECT CAST(?1 AS TEXT), CAST(?2 AS BIGINT) WHERE (SELECT count(*) FROM "
      "turns WHERE device_id <> ?1) < CAST(?3 AS BIGINT) ON CONFLICT (device_id) DO UPDATE SET node = excluded.node");
  take.bind(1, device_id);
  take.bind(2, node);
  take.bind(3, most);
  return take.execute() != 0;
}

void give_back_turn(Database& db, const std::string& device_id, std::int64_t node) {
  Statement s(db, "DELETE FROM turns WHERE device_id = ? AND node = ?");
  s.bind(1, device_id);
  s.bind(2, node);
  s.execute();
}

}  // namespace drydock::store
