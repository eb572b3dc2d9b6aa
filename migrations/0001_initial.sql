-- Times are UTC milliseconds. What a device *has* is only remembered for people to read: plans are made from a fresh
-- Describe. What was *tried* is remembered for the program.

CREATE TABLE devices (
  id               TEXT PRIMARY KEY CHECK (length(id) = 24),
  name             TEXT NOT NULL DEFAULT '',
  approval         TEXT NOT NULL CHECK (approval IN ('pending', 'approved', 'refused')),
  public_key       BLOB NOT NULL,
  platform         INTEGER NOT NULL,
  product_id       INTEGER,
  product_version  INTEGER,
  system_version   INTEGER,
  hello_flags      INTEGER NOT NULL DEFAULT 0,
  address          TEXT NOT NULL DEFAULT '',
  connected        INTEGER NOT NULL DEFAULT 0 CHECK (connected IN (0, 1)),
  first_seen       INTEGER NOT NULL,
  last_seen        INTEGER NOT NULL,
  safe_mode        INTEGER NOT NULL DEFAULT 0 CHECK (safe_mode IN (0, 1)),
  updates_enabled  INTEGER CHECK (updates_enabled IN (0, 1)),
  state            TEXT NOT NULL DEFAULT 'unknown'
                   CHECK (state IN ('unknown', 'awaiting_approval', 'refused', 'current', 'updating', 'waiting', 'blocked', 'parked', 'updates_disabled')),
  state_words      TEXT NOT NULL DEFAULT '',
  application      TEXT NOT NULL DEFAULT '',
  changed_key      BLOB,
  changed_key_seen INTEGER
) STRICT;

CREATE TABLE device_modules (
  device_id    TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  position     INTEGER NOT NULL,
  function     INTEGER NOT NULL,
  module_index INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  store        TEXT NOT NULL CHECK (store IN ('main', 'factory', 'backup', 'scratchpad', 'other')),
  max_size     INTEGER NOT NULL,
  checked      INTEGER NOT NULL,
  passed       INTEGER NOT NULL,
  sha256       TEXT NOT NULL DEFAULT '',
  dependencies TEXT NOT NULL DEFAULT '[]',
  PRIMARY KEY (device_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE modules (
  sha256          TEXT PRIMARY KEY CHECK (length(sha256) = 64),
  file_name       TEXT NOT NULL,
  size            INTEGER NOT NULL,
  platform        INTEGER NOT NULL,
  function        INTEGER NOT NULL,
  module_index    INTEGER NOT NULL,
  version         INTEGER NOT NULL,
  flags           INTEGER NOT NULL,
  dependencies    TEXT NOT NULL,
  suffix_sha256   TEXT NOT NULL,
  product_id      INTEGER,
  product_version INTEGER,
  added           INTEGER NOT NULL
) STRICT;

-- A wish of a person: this version in this slot of this device.
CREATE TABLE goals (
  device_id    TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  function     INTEGER NOT NULL,
  module_index INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  sha256       TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (device_id, function, module_index)
) STRICT, WITHOUT ROWID;

-- One module on its way to one device. `from_version` -1 stands for an empty slot.
CREATE TABLE update_steps (
  id                 INTEGER PRIMARY KEY,
  device_id          TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  update_number      INTEGER NOT NULL,
  function           INTEGER NOT NULL,
  module_index       INTEGER NOT NULL,
  version            INTEGER NOT NULL,
  sha256             TEXT NOT NULL,
  suffix_sha256      TEXT NOT NULL,
  from_version       INTEGER NOT NULL,
  reason             TEXT NOT NULL,
  state              TEXT NOT NULL CHECK (state IN ('planned', 'sending', 'sent', 'verified', 'failed', 'superseded')),
  bytes_total        INTEGER NOT NULL,
  bytes_acknowledged INTEGER NOT NULL DEFAULT 0,
  planned_at         INTEGER NOT NULL,
  started_at         INTEGER,
  finished_at        INTEGER,
  error              TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX update_steps_by_device ON update_steps (device_id, state);

CREATE TABLE updates (
  device_id     TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  update_number INTEGER NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('running', 'done', 'blocked', 'parked', 'superseded')),
  started_at    INTEGER NOT NULL,
  finished_at   INTEGER,
  words         TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (device_id, update_number)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
  device_id    TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  sha256       TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  count        INTEGER NOT NULL,
  last_started INTEGER NOT NULL,
  last_error   TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (device_id, sha256, from_version)
) STRICT, WITHOUT ROWID;

-- What happened, for people. `device_id` is empty for happenings without a known device.
CREATE TABLE history (
  id        INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL,
  device_id TEXT NOT NULL,
  kind      TEXT NOT NULL,
  words     TEXT NOT NULL
) STRICT;
CREATE INDEX history_by_device ON history (device_id, id);
