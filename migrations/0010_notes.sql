-- What people write down about a device.
ALTER TABLE devices ADD COLUMN notes TEXT NOT NULL DEFAULT '';
