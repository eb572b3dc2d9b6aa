-- What the page needs: who may use it, and what people hold back.

ALTER TABLE devices ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));

-- Single values: 'password' (an Argon2 hash), 'setup_code' (until there is a password), 'paused' ('1': no updates at all).
CREATE TABLE settings (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Of cookies and tokens only the SHA-256 is kept.
CREATE TABLE web_sessions (
  token_sha256 TEXT PRIMARY KEY,
  created      INTEGER NOT NULL,
  expires      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_tokens (
  id           INTEGER PRIMARY KEY,
  name         TEXT NOT NULL,
  token_sha256 TEXT NOT NULL UNIQUE,
  created      INTEGER NOT NULL
) STRICT;
