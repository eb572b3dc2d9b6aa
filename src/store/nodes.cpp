#include "store/nodes.hpp"

#include "store/statement.hpp"

#include <fmt/format.h>

namespace drydock::store {
namespace {

constexpr const char* unowned = "(node IS NULL OR node NOT IN (SELECT id FROM nodes))";

}  // namespace

std::int64_t add_node(Database& db, const NodeRow& node, std::int64_t now) {
  // Whose connection lives is another machine with a copy of the folder.
  for (const auto& earlier : load_nodes(db))
    if (earlier.folder == node.folder && !db.connection().is_connected(earlier.connection)) {
      Statement before(db, "DELETE FROM nodes WHERE id = ?");
      before.bind(1, earlier.id);
      before.execute();
    }
  Statement add(db,
      "INSERT INTO nodes (folder, name, version, started, seen, connection, running) VALUES (?,?,?,?,?,?,?) RETURNING "
      "id");
  add.bind(1, node.folder);
  add.bind(2, node.name);
  add.bind(3, node.version);
  add.bind(4, now);
  add.bind(5, now);
  add.bind(6, node.connection);
  add.bind(7, node.running);
  add.step();
  const auto id = add.integer(0);
  add.execute_rest();
  release_unowned(db);
  return id;
}

bool beat(Database& db, const NodeRow& node) {
  Statement s(db,
      "UPDATE nodes SET beat = beat + 1, seen = ?, connection = ?, running = ?, revision = ?, connected = ?, updating "
      "= ? WHERE id = ?");
  s.bind(1, node.seen);
  s.bind(2, node.connection);
  s.bind(3, node.running);
  s.bind(4, node.revision);
  s.bind(5, node.connected);
  s.bind(6, node.updating);
  s.bind(7, node.id);
  return s.execute() != 0;
}

std::vector<NodeRow> load_nodes(Database& db) {
  Statement s(db,
      "SELECT id, folder, name, version, started, seen, beat, connection, running, revision, connected, updating FROM "
      "nodes ORDER BY id");
  std::vector<NodeRow> nodes;
  while (s.step())
    nodes.push_back({s.integer(0), s.text(1), s.text(2), s.text(3), s.integer(4), s.integer(5), s.integer(6), s.text(7),
        s.integer(8), s.integer(9), s.integer(10), s.integer(11)});
  return nodes;
}

bool remove_node(Database& db, std::int64_t id, std::int64_t beat) {
  // Of one that froze in the middle of a transaction the row is locked until the server has ended that: nobody's beats
  // wait for it.
  Statement s(db,
      fmt::format("DELETE FROM nodes WHERE id IN (SELECT id FROM nodes WHERE id = ? AND beat = ?{})",
          db.connection().skip_locked_rows()));
  s.bind(1, id);
  s.bind(2, beat);
  if (s.execute() == 0) return false;
  release_unowned(db);
  return true;
}

void remove_node(Database& db, std::int64_t id) {
  Statement s(db, "DELETE FROM nodes WHERE id = ?");
  s.bind(1, id);
  s.execute();
  release_unowned(db);
}

std::vector<std::string> unowned_unfinished_devices(Database& db) {
  Statement s(db,
      "SELECT devices.id FROM updates JOIN devices ON devices.id = updates.device_id JOIN dtls_sessions ON "
      "dtls_sessions.device_id = devices.id WHERE updates.state = 'running' AND (node IS NULL OR node NOT IN (SELECT "
      "id FROM nodes))");
  std::vector<std::string> ids;
  while (s.step()) ids.push_back(s.text(0));
  return ids;
}

void release_unowned(Database& db) {
  // In one order and past those that others are taking just now: nobody waits for anybody in a circle.
  db.connection().execute(fmt::format(
      "UPDATE devices SET connected = 0, node = NULL, wanted_by = NULL, state_words = CASE state WHEN 'updating' THEN "
      "'Drydock was stopped meanwhile; it goes on when the device is back' ELSE state_words END, state = CASE state "
      "WHEN "
      "'updating' THEN 'waiting' ELSE state END WHERE id IN (SELECT id FROM devices WHERE (connected = 1 OR node IS "
      "NOT "
      "NULL OR state = 'updating') AND {} ORDER BY id{})",
      unowned, db.connection().skip_locked_rows()));
  db.connection().execute("DELETE FROM turns WHERE node NOT IN (SELECT id FROM nodes)");
}

}  // namespace drydock::store
