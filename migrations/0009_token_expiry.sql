-- Tokens of tools end: milliseconds of running time, as those of sessions; 0: never.
ALTER TABLE api_tokens ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
