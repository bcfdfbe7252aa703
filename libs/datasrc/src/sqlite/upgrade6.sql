-- From format 5, in which each change touched the table of versions and every step of a journal had pages, to format 6.
DROP VIEW IF EXISTS records;
ALTER TABLE zones ADD COLUMN base INTEGER;
UPDATE zones SET base = (SELECT coalesce(base, version) FROM versions WHERE versions.version = zones.version)
WHERE version IS NOT NULL;
DROP INDEX versions_of_base;
ALTER TABLE versions RENAME TO versions_5;
CREATE TABLE versions (
    version INTEGER PRIMARY KEY,
    zone_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('writing', 'replaced', 'clearing')),
    base INTEGER NOT NULL
);
INSERT INTO versions SELECT version, zone_id, state, coalesce(base, version) FROM versions_5 WHERE state <> 'current';
DROP TABLE versions_5;
CREATE INDEX versions_of_base ON versions (base);
CREATE TABLE loose_steps (
    version INTEGER PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('writing', 'dropped'))
);
INSERT INTO loose_steps SELECT version, state FROM journal_steps WHERE state <> 'ready';
ALTER TABLE journal_steps RENAME TO journal_steps_5;
CREATE TABLE journal_steps (
    zone_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    from_serial INTEGER NOT NULL,
    to_serial INTEGER NOT NULL,
    records INTEGER NOT NULL,
    version_before INTEGER NOT NULL,
    number INTEGER NOT NULL,
    records_so_far INTEGER NOT NULL,
    deleted BLOB,
    added BLOB,
    PRIMARY KEY (zone_id, version)
) WITHOUT ROWID;
INSERT INTO journal_steps
SELECT zone_id, version, from_serial, to_serial, records, version_before, number, records_so_far, NULL, NULL
FROM journal_steps_5 WHERE state = 'ready';
DROP TABLE journal_steps_5;
PRAGMA user_version = 6;
