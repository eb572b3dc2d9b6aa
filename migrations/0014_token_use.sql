-- When a token was used last, UTC milliseconds; 0: never.
ALTER TABLE api_tokens ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
