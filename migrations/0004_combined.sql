-- Combined module files: the second module in them.

ALTER TABLE modules ADD COLUMN companion TEXT;
