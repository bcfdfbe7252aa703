-- From format 1, in which the rows of a version never changed, to format 2.
ALTER TABLE journal_steps ADD COLUMN version_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN base INTEGER;
CREATE INDEX versions_of_base ON versions (base) WHERE base IS NOT NULL;
DROP VIEW records;
ALTER TABLE rrsets RENAME TO rrsets_1;
CREATE TABLE rrsets (
    base INTEGER NOT NULL,
    sort_key BLOB NOT NULL,
    type INTEGER NOT NULL,
    born INTEGER NOT NULL,
    died INTEGER,
    owner TEXT NOT NULL,
    ttl INTEGER NOT NULL,
    rdatas BLOB NOT NULL,
    PRIMARY KEY (base, sort_key, type, born)
) WITHOUT ROWID;
INSERT INTO rrsets SELECT version, sort_key, type, 0, NULL, owner, ttl, rdatas FROM rrsets_1;
DROP TABLE rrsets_1;
CREATE INDEX dead_rrsets ON rrsets (base, died) WHERE died IS NOT NULL;
PRAGMA user_version = 2;
