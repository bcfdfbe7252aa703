-- From format 4, in which each difference of the journal had a row of its own, to format 5. The journal begins anew: who asks
-- for older differences gets the whole zone once.
DROP TABLE journal;
DELETE FROM journal_steps;
DROP INDEX journal_steps_of_zone;
CREATE INDEX dropped_journal_steps ON journal_steps (version) WHERE state = 'dropped';
CREATE TABLE journal (
    version INTEGER NOT NULL,
    page INTEGER NOT NULL,
    deleted BLOB NOT NULL,
    added BLOB NOT NULL,
    PRIMARY KEY (version, page)
) WITHOUT ROWID;
ALTER TABLE store ADD COLUMN last_version INTEGER NOT NULL DEFAULT 0;
UPDATE store SET last_version = max(
    CAST(strftime('%s', 'now') AS INTEGER),
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'versions'), 0),
    coalesce((SELECT max(version) FROM versions), 0));
DROP VIEW IF EXISTS records;
DROP INDEX versions_of_base;
ALTER TABLE versions RENAME TO versions_4;
CREATE TABLE versions (
    version INTEGER PRIMARY KEY,
    zone_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('writing', 'current', 'replaced', 'clearing')),
    base INTEGER
);
INSERT INTO versions SELECT version, zone_id, state, base FROM versions_4;
DROP TABLE versions_4;
CREATE INDEX versions_of_base ON versions (base) WHERE base IS NOT NULL;
PRAGMA user_version = 5;
