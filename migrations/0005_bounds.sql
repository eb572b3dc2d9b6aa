-- What bounds endless updates: how often a device was sent a file within a day of the service's running time, whatever became
-- of it. Times here and in attempts.last_started are milliseconds of running time (setting 'running_ms'): no jump of the wall
-- clock changes them.
CREATE TABLE sends (
  device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  sha256    TEXT NOT NULL,
  began     INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  PRIMARY KEY (device_id, sha256)
) STRICT, WITHOUT ROWID;

-- Whether the device said that it has the whole image before its connection ended.
ALTER TABLE update_steps ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 1 CHECK (confirmed IN (0, 1));

-- Running time at which a device that waits for approval came first: such rows expire.
ALTER TABLE devices ADD COLUMN enrolled INTEGER NOT NULL DEFAULT 0;

-- A person wants the next update sent although the application of the device disabled updates.
ALTER TABLE devices ADD COLUMN forced INTEGER NOT NULL DEFAULT 0 CHECK (forced IN (0, 1));

-- From running time on, which begins with 0: what was tried before counts as tried just now.
UPDATE attempts SET last_started = 0;

-- Logins end by running time too. Those of before begin their time now.
UPDATE web_sessions SET created = 0, expires = 2592000000;

-- Browsers that logged in before: wrong tries of others from the same address do not lock them out.
CREATE TABLE known_browsers (
  token_sha256 TEXT PRIMARY KEY,
  created      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
