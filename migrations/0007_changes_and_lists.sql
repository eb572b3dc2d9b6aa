-- What people changed and a running service has to look at again: a device by its id, 'devices' for every one, 'modules' for the
-- library, 'settings'. One row for each, with its latest change: who remembers the last revision it saw asks for those behind it.
CREATE TABLE changes (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  subject  TEXT NOT NULL UNIQUE
) STRICT;

-- What lists are sorted and filtered by: how a device is called, and the one word that says where it stands. Kept by triggers,
-- not generated: SQLite 3.40 cannot VACUUM a table of this shape with generated columns.
ALTER TABLE devices ADD COLUMN label TEXT NOT NULL DEFAULT '' COLLATE NOCASE;
ALTER TABLE devices ADD COLUMN shown_state TEXT NOT NULL DEFAULT '';

CREATE VIEW device_words AS SELECT
  id AS device_id,
  CASE name WHEN '' THEN id ELSE name END AS label,
  CASE
    WHEN changed_key IS NOT NULL THEN 'unknown_key'
    WHEN approval = 'pending' THEN 'awaiting_approval'
    WHEN approval = 'refused' THEN 'refused'
    WHEN held = 1 THEN 'held'
    ELSE state END AS shown_state
FROM devices;

UPDATE devices SET (label, shown_state) = (SELECT label, shown_state FROM device_words WHERE device_id = devices.id);

CREATE TRIGGER device_words_of_new AFTER INSERT ON devices BEGIN
  UPDATE devices SET (label, shown_state) = (SELECT label, shown_state FROM device_words WHERE device_id = NEW.id)
  WHERE id = NEW.id;
END;
CREATE TRIGGER device_words_of_changed AFTER UPDATE OF name, approval, held, changed_key, state ON devices
WHEN OLD.name IS NOT NEW.name OR OLD.approval IS NOT NEW.approval OR OLD.held IS NOT NEW.held
  OR OLD.changed_key IS NOT NEW.changed_key OR OLD.state IS NOT NEW.state
BEGIN
  UPDATE devices SET (label, shown_state) = (SELECT label, shown_state FROM device_words WHERE device_id = NEW.id)
  WHERE id = NEW.id;
END;

CREATE INDEX devices_by_label ON devices (label, id);
CREATE INDEX devices_by_shown_state ON devices (shown_state, label, id);
