-- How often a device connected anew while the service ran, so that a loop of resets can be seen; and the one group that it may be in.
ALTER TABLE devices ADD COLUMN reconnections INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN group_name TEXT NOT NULL DEFAULT '';
CREATE INDEX devices_by_group ON devices (group_name, id);

-- A named set of files of the library that never changes.
CREATE TABLE releases (
  name    TEXT PRIMARY KEY,
  notes   TEXT NOT NULL DEFAULT '',
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE release_modules (
  release_name TEXT NOT NULL REFERENCES releases (name) ON DELETE CASCADE,
  sha256       TEXT NOT NULL,
  PRIMARY KEY (release_name, sha256)
) STRICT, WITHOUT ROWID;

-- A release on its way to many devices (planning/rollout.hpp). Of the times, `created` is UTC; the others are the service's running time.
CREATE TABLE rollouts (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  release_name    TEXT NOT NULL,
  created         INTEGER NOT NULL,
  waves           TEXT NOT NULL,
  soak            INTEGER NOT NULL,
  lost_after      INTEGER NOT NULL,
  failure_percent INTEGER NOT NULL,
  failures        INTEGER NOT NULL,
  restarts        INTEGER NOT NULL,
  at_once         INTEGER NOT NULL,
  per_minute      INTEGER NOT NULL,
  stage           TEXT NOT NULL CHECK (stage IN ('running', 'paused', 'stopped', 'done', 'aborted', 'reverting', 'reverted')),
  wave            INTEGER NOT NULL,
  words           TEXT NOT NULL,
  forgiven        INTEGER NOT NULL
) STRICT;
CREATE TABLE rollout_devices (
  rollout_id  INTEGER NOT NULL REFERENCES rollouts (id) ON DELETE CASCADE,
  device_id   TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  position    INTEGER NOT NULL,
  stage       TEXT NOT NULL CHECK (stage IN ('waiting', 'begun', 'soaking', 'healthy', 'failed', 'reverting', 'reverted')),
  canary      INTEGER NOT NULL,
  wave        INTEGER NOT NULL,
  begun_at    INTEGER NOT NULL,
  verified_at INTEGER NOT NULL,
  well_since  INTEGER NOT NULL,
  away_since  INTEGER NOT NULL,
  reconnections INTEGER NOT NULL,
  restarts    INTEGER NOT NULL,
  words       TEXT NOT NULL,
  PRIMARY KEY (rollout_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollout_devices_by_device ON rollout_devices (device_id, rollout_id);

-- What a device had in the slots of the release before it began.
CREATE TABLE rollout_previous (
  rollout_id    INTEGER NOT NULL,
  device_id     TEXT NOT NULL,
  function      INTEGER NOT NULL,
  module_index  INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  suffix_sha256 TEXT NOT NULL,
  PRIMARY KEY (rollout_id, device_id, function, module_index),
  FOREIGN KEY (rollout_id, device_id) REFERENCES rollout_devices (rollout_id, device_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
