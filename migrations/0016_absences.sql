-- Devices that were let in and are not connected, as the watch over them found them.
CREATE TABLE absences (
  device_id TEXT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  since     INTEGER NOT NULL, -- UTC milliseconds; 0: before there was a watch
  told      INTEGER NOT NULL  -- 1: who listens was told that it is away
) STRICT, WITHOUT ROWID;
-- Whoever left long ago is no news.
INSERT INTO absences (device_id, since, told)
  SELECT id, 0, 1 FROM devices
  WHERE connected = 0 AND last_seen > 0 AND last_seen < (strftime('%s', 'now') - 86400) * 1000;
