-- DTLS sessions of UDP devices, so that a restarted appliance goes on with the very next datagram. One a device.

CREATE TABLE dtls_sessions (
  id                  BLOB PRIMARY KEY CHECK (length(id) = 8),
  device_id           TEXT NOT NULL UNIQUE CHECK (length(device_id) = 24),
  keys                BLOB NOT NULL CHECK (length(keys) = 40),
  uses_connection_id  INTEGER NOT NULL CHECK (uses_connection_id IN (0, 1)),
  client_key          BLOB NOT NULL,
  leased              INTEGER NOT NULL,   -- our sequence numbers below it may have been used
  received_next       INTEGER NOT NULL,   -- the device's below it may have been seen:
  received_seen       INTEGER NOT NULL,   -- bit k says that of received_next - 1 - k
  address             TEXT NOT NULL,
  port                INTEGER NOT NULL,
  memo                BLOB NOT NULL,      -- the device's last Hello
  updated             INTEGER NOT NULL
) STRICT;
