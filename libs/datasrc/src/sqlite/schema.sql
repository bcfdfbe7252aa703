-- The zone store. Ask it with: sqlite3 -readonly zones.sqlite
--   SELECT name, serial, records FROM zones;
--   SELECT * FROM records WHERE zone = 'example.com.' AND owner = 'www';

-- One row. changes grows with every commit or removal, so that others see that something changed. last_version is the number
-- that was given to a version last: none is used twice, in this file or (as they start at the time of its creation) in one that
-- takes its place.
CREATE TABLE store (changes INTEGER NOT NULL, last_version INTEGER NOT NULL);

-- A zone; version is the current one, NULL while the first is being written, and base the version that was written as a whole
-- and of which that is a change (itself, when it was).
CREATE TABLE zones (
    zone_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    sort_key BLOB NOT NULL UNIQUE,
    version INTEGER,
    serial INTEGER NOT NULL DEFAULT 0,
    rrsets INTEGER NOT NULL DEFAULT 0,
    records INTEGER NOT NULL DEFAULT 0,
    committed_usec INTEGER NOT NULL DEFAULT 0,
    base INTEGER
);

-- Every other version of which rows may exist.
CREATE TABLE versions (
    version INTEGER PRIMARY KEY,
    zone_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('writing', 'replaced', 'clearing')),
    base INTEGER NOT NULL
);
CREATE INDEX versions_of_base ON versions (base);

-- An RRset a row. base is the version that was written as a whole; born is a version in which the row was there and before
-- which nobody looks for it (0: with the base), died the one in which it was gone again. owner is relative to the zone ('@' is the apex); sort_key puts owners
-- into canonical order; rdatas holds, for each record, its length in two octets and its data.
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
CREATE INDEX dead_rrsets ON rrsets (base, died) WHERE died IS NOT NULL;

-- Many neighbouring RRsets in a row: those of a large version as it was written as a whole. sort_key and type are those of the
-- last one. rrsets holds for each: length of its sort_key, type and length of its owner (two octets each), ttl and length of
-- its rdatas (four octets each), then sort_key, owner and rdatas as above. A row of the table rrsets with the same base, sort_key
-- and type, and born 0, takes the place of what is here: died says until when it counted (0: it counts for nobody any more).
CREATE TABLE blocks (
    block INTEGER PRIMARY KEY,
    base INTEGER NOT NULL,
    sort_key BLOB NOT NULL,
    type INTEGER NOT NULL,
    rrsets BLOB NOT NULL
);
CREATE UNIQUE INDEX blocks_of_base ON blocks (base, sort_key, type);

-- How a version differs from the one before it: a step of the journal of the zone. A small one has its differences here, RRsets
-- one behind the other as in blocks, the SOA first; those of a large one (deleted is NULL) are in pages.
CREATE TABLE journal_steps (
    zone_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    from_serial INTEGER NOT NULL,
    to_serial INTEGER NOT NULL,
    records INTEGER NOT NULL,
    version_before INTEGER NOT NULL,
    -- Its number in the journal, and the records in all steps up to this one.
    number INTEGER NOT NULL,
    records_so_far INTEGER NOT NULL,
    deleted BLOB,
    added BLOB,
    PRIMARY KEY (zone_id, version)
) WITHOUT ROWID;

-- The pages of large steps, those of one step together. All that was deleted comes before all that was added; in both the SOA is
-- the first.
CREATE TABLE journal (
    version INTEGER NOT NULL,
    page INTEGER NOT NULL,
    deleted BLOB NOT NULL,
    added BLOB NOT NULL,
    PRIMARY KEY (version, page)
) WITHOUT ROWID;
-- Steps of which there are pages and which are in no journal: not yet, or not any more.
CREATE TABLE loose_steps (
    version INTEGER PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('writing', 'dropped'))
);

-- Mnemonics of record types.
CREATE TABLE types (type INTEGER PRIMARY KEY, mnemonic TEXT NOT NULL);
