-- The machines that share a database, each run of one: an id is never used twice. In SQLite there is only ever one, which
-- needs no row; the tables are the same so that the SQL is.
CREATE TABLE nodes (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  folder     TEXT NOT NULL,               -- which state folder it runs in: a drawn name, kept there
  name       TEXT NOT NULL,               -- for people
  version    TEXT NOT NULL,
  started    INTEGER NOT NULL,            -- UTC milliseconds
  seen       INTEGER NOT NULL,            -- likewise, of its last beat, by its own clock
  beat       INTEGER NOT NULL DEFAULT 0,  -- counts: who sees it stand still for long enough knows that it is gone
  connection TEXT NOT NULL DEFAULT '',    -- by which it beats, as the database's server calls it
  running    INTEGER NOT NULL DEFAULT 0,  -- running time of the service, milliseconds
  revision   INTEGER NOT NULL DEFAULT 0,  -- grows with what people can see of its devices
  connected  INTEGER NOT NULL DEFAULT 0,  -- devices
  updating   INTEGER NOT NULL DEFAULT 0   -- devices that are being sent something
) STRICT;

-- Who has a device's connection. Each taking of it has a number: what an earlier one writes is refused.
ALTER TABLE devices ADD COLUMN node INTEGER;
ALTER TABLE devices ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN wanted_by INTEGER;  -- the node that it came to meanwhile
CREATE INDEX devices_by_node ON devices (node) WHERE node IS NOT NULL;
CREATE INDEX wanted_devices ON devices (node) WHERE wanted_by IS NOT NULL;

-- Devices whose turn it is to be sent a module, over all nodes.
CREATE TABLE turns (
  device_id TEXT PRIMARY KEY,
  node      INTEGER NOT NULL
) STRICT;

-- A device without a connection id is known by where it was last.
CREATE INDEX dtls_sessions_by_address ON dtls_sessions (address, port);
