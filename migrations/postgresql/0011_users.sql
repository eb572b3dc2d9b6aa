-- As SQLite's.
CREATE TABLE users (
  name     TEXT COLLATE "C" PRIMARY KEY,
  password TEXT NOT NULL,
  role     TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'owner')),
  created  BIGINT NOT NULL
);

ALTER TABLE web_sessions ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
ALTER TABLE known_browsers ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN refresh_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN refresh_expires BIGINT NOT NULL DEFAULT 0;

CREATE TABLE claim_codes (
  code_sha256 TEXT COLLATE "C" PRIMARY KEY,
  user_name   TEXT NOT NULL,
  expires     BIGINT NOT NULL
);
