-- People besides the owner, whose password is the page's. Names are in lower case.
CREATE TABLE users (
  name     TEXT PRIMARY KEY,
  password TEXT NOT NULL,
  role     TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'owner')),
  created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Whose they are; '': the owner's.
ALTER TABLE web_sessions ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
ALTER TABLE known_browsers ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
-- Words between blanks; '': whatever the user may.
ALTER TABLE api_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
-- By which a tool gets another one (RFC 6749, 6); '': by nothing.
ALTER TABLE api_tokens ADD COLUMN refresh_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN refresh_expires INTEGER NOT NULL DEFAULT 0;

-- By which a device that is being set up says that it belongs here, once; expires: UTC milliseconds.
CREATE TABLE claim_codes (
  code_sha256 TEXT PRIMARY KEY,
  user_name   TEXT NOT NULL,
  expires     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
