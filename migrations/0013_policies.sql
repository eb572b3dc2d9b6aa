-- Labels of people's, of which a device has any number.
CREATE TABLE device_labels (
  device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  label     TEXT NOT NULL,
  PRIMARY KEY (device_id, label)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_labels_by_label ON device_labels (label, device_id);

-- Which group a device that is in none is put into; the first one that fits. What is empty, or NULL, fits all.
CREATE TABLE group_rules (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  group_name   TEXT NOT NULL,
  platform     INTEGER,
  product_id   INTEGER,
  name_pattern TEXT NOT NULL,
  addresses    TEXT NOT NULL
) STRICT;

-- What people said of the updates of a device, a group, a platform or all. What is empty, or NULL, says nothing.
CREATE TABLE update_policies (
  scope        TEXT NOT NULL CHECK (scope IN ('fleet', 'platform', 'group', 'device')),
  subject      TEXT NOT NULL,
  target       TEXT NOT NULL CHECK (target IN ('', 'needs', 'latest', 'at_least', 'exactly', 'release')),
  version      TEXT NOT NULL,
  release_name TEXT NOT NULL,
  downgrade    INTEGER NOT NULL,
  held         INTEGER,
  hours        TEXT NOT NULL,
  time_zone    TEXT NOT NULL,
  blackout     TEXT NOT NULL,
  PRIMARY KEY (scope, subject)
) STRICT, WITHOUT ROWID;

ALTER TABLE rollouts ADD COLUMN downgrade INTEGER NOT NULL DEFAULT 1;
ALTER TABLE rollouts ADD COLUMN forced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollouts ADD COLUMN bytes_per_second INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollouts ADD COLUMN hours TEXT NOT NULL DEFAULT '';
ALTER TABLE rollouts ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';
ALTER TABLE rollouts ADD COLUMN blackout TEXT NOT NULL DEFAULT '';
ALTER TABLE rollouts ADD COLUMN health_event TEXT NOT NULL DEFAULT '';
ALTER TABLE rollout_devices ADD COLUMN heard_in INTEGER NOT NULL DEFAULT -1;

-- Who changed what.
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  who     TEXT NOT NULL,
  via     TEXT NOT NULL,
  what    TEXT NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
