-- From format 2, in which each RRset had a row of its own, to format 3.
DROP VIEW IF EXISTS records;
CREATE TABLE blocks (
    block INTEGER PRIMARY KEY,
    base INTEGER NOT NULL,
    sort_key BLOB NOT NULL,
    type INTEGER NOT NULL,
    rrsets BLOB NOT NULL
);
CREATE UNIQUE INDEX blocks_of_base ON blocks (base, sort_key, type);
PRAGMA user_version = 3;
