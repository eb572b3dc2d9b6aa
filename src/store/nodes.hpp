// The machines that share a PostgreSQL, each run of one as a row that beats. Who is taken for gone loses the row, and
// with it, in the same transaction, everything it had; it can write nothing more from then on.
#pragma once

#include "store/database.hpp"

#include <vector>

namespace drydock::store {

struct NodeRow {
  std::int64_t id = 0;         ///< never used twice
  std::string folder;          ///< the name that was drawn for its state folder
  std::string name;            ///< for people
  std::string version;         ///< of the program
  std::int64_t started = 0;    ///< UTC milliseconds
  std::int64_t seen = 0;       ///< likewise: its last beat, by its own clock
  std::int64_t beat = 0;       ///< grows with every beat
  std::string connection;      ///< Connection::name() of what it beats by
  std::int64_t running = 0;    ///< running time of the service, milliseconds
  std::int64_t revision = 0;   ///< grows with what people can see of its devices
  std::int64_t connected = 0;  ///< devices
  std::int64_t updating = 0;   ///< devices that are being sent something
};

/// A run begins: what an earlier one in the same folder had is nobody's. Returns its id.
std::int64_t add_node(Database& db, const NodeRow& node, std::int64_t now);

/// What changes of `node`: seen, connection, running, revision, connected, updating; and counts. False: it was taken
/// for gone.
bool beat(Database& db, const NodeRow& node);

/// In the order in which they came.
std::vector<NodeRow> load_nodes(Database& db);

/// Takes a node for gone that has not beaten since `beat`. False: it has, or is gone already.
bool remove_node(Database& db, std::int64_t id, std::int64_t beat);
/// At its orderly end.
void remove_node(Database& db, std::int64_t id);

/// Devices with a DTLS session whose update runs, and that no node has.
std::vector<std::string> unowned_unfinished_devices(Database& db);

/// What no living node has is not connected, not being sent anything, and has no turn. What was being sent is
/// judged by the device's next Describe, as after any connection that broke. On one machine alone: at its start, all
/// there is.
void release_unowned(Database& db);

}  // namespace drydock::store
