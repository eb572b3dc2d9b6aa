-- Who is told outside of what happens here: webhooks, e-mail, ntfy.
CREATE TABLE integrations (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL,
  kind       TEXT NOT NULL CHECK (kind IN ('webhook', 'email', 'ntfy')),
  events     TEXT NOT NULL,              -- how their names begin, one in a line
  settings   TEXT NOT NULL,              -- JSON, with secrets: see src/integrations/message.hpp
  digest     INTEGER NOT NULL,           -- milliseconds between two messages, which tell all since; 0: each event is one
  enabled    INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  dropped    INTEGER NOT NULL DEFAULT 0, -- events, because too many waited
  last_sent  INTEGER NOT NULL DEFAULT 0, -- UTC milliseconds; 0: never
  last_error TEXT NOT NULL DEFAULT ''    -- empty: the last one was sent
) STRICT;

-- What they are to be told, in the order of ids; 'dead': given up, until a person decides.
CREATE TABLE deliveries (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  integration_id INTEGER NOT NULL REFERENCES integrations (id) ON DELETE CASCADE,
  node           INTEGER NOT NULL,
  event          TEXT NOT NULL,
  data           TEXT NOT NULL,
  device_id      TEXT NOT NULL,          -- empty: of none
  published_at   INTEGER NOT NULL,
  state          TEXT NOT NULL CHECK (state IN ('waiting', 'dead')),
  attempts       INTEGER NOT NULL,
  error          TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_by_integration ON deliveries (integration_id, state, id);
