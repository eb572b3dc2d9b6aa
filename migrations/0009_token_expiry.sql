-- Tokens of tools end: milliseconds of running time, as those of sessions; 0: never. Those that were given for the password end
-- with it.
ALTER TABLE api_tokens ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_tokens ADD COLUMN by_password INTEGER NOT NULL DEFAULT 0;
