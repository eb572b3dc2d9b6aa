-- As SQLite's.
CREATE TABLE absences (
  device_id TEXT PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  since     BIGINT NOT NULL,
  told      BIGINT NOT NULL
);
INSERT INTO absences (device_id, since, told)
  SELECT id, 0, 1 FROM devices
  WHERE connected = 0 AND last_seen > 0 AND last_seen < (extract(epoch FROM now())::bigint - 86400) * 1000;
