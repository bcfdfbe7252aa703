-- The zone store. Ask it with: sqlite3 -readonly zones.sqlite
--   SELECT name, serial, records FROM zones;
--   SELECT * FROM records WHERE zone = 'example.com.' AND owner = 'www';

-- One row: grows with every commit or removal, so that others see that something changed.
CREATE TABLE store (changes INTEGER NOT NULL);

-- A zone; version is the current one, NULL while the first is being written.
CREATE TABLE zones (
    zone_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    sort_key BLOB NOT NULL UNIQUE,
    version INTEGER,
    serial INTEGER NOT NULL DEFAULT 0,
    rrsets INTEGER NOT NULL DEFAULT 0,
    records INTEGER NOT NULL DEFAULT 0,
    committed_usec INTEGER NOT NULL DEFAULT 0
);

-- Every version of which rows may exist. Numbers are never used twice, in this file or (as they start at the time of
-- its creation) in one that takes its place.
CREATE TABLE versions (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    zone_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('writing', 'current', 'replaced', 'clearing'))
);

-- An RRset a row. owner is relative to the zone ('@' is the apex); sort_key puts owners into canonical order;
-- rdatas holds, for each record, its length in two octets and its data.
CREATE TABLE rrsets (
    version INTEGER NOT NULL,
    sort_key BLOB NOT NULL,
    type INTEGER NOT NULL,
    owner TEXT NOT NULL,
    ttl INTEGER NOT NULL,
    rdatas BLOB NOT NULL,
    PRIMARY KEY (version, sort_key, type)
) WITHOUT ROWID;

-- How a version differs from the one before it.
CREATE TABLE journal_steps (
    version INTEGER PRIMARY KEY,
    zone_id INTEGER NOT NULL,
    from_serial INTEGER NOT NULL,
    to_serial INTEGER NOT NULL,
    records INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('writing', 'ready', 'dropped')),
    version_before INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX journal_steps_of_zone ON journal_steps (zone_id, version);

-- part 0 is what was deleted, 1 what was added; number 0 is the SOA.
CREATE TABLE journal (
    version INTEGER NOT NULL,
    part INTEGER NOT NULL CHECK (part IN (0, 1)),
    number INTEGER NOT NULL,
    type INTEGER NOT NULL,
    owner TEXT NOT NULL,
    ttl INTEGER NOT NULL,
    rdatas BLOB NOT NULL,
    PRIMARY KEY (version, part, number)
) WITHOUT ROWID;

-- Mnemonics of record types.
CREATE TABLE types (type INTEGER PRIMARY KEY, mnemonic TEXT NOT NULL);

-- Current records for people: data in hexadecimal, several of one RRset with a space between.
CREATE VIEW records AS
SELECT zones.name AS zone, rrsets.owner AS owner, rrsets.ttl AS ttl,
    coalesce(types.mnemonic, 'TYPE' || rrsets.type) AS type,
    (WITH RECURSIVE
        hexed(h) AS (SELECT hex(rrsets.rdatas)),
        split(at, length) AS (
            SELECT 1, 0
            UNION ALL
            SELECT at + 4 + 2 * ((instr('0123456789ABCDEF', substr(h, at, 1)) - 1) * 4096
                + (instr('0123456789ABCDEF', substr(h, at + 1, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, at + 2, 1)) - 1) * 16
                + (instr('0123456789ABCDEF', substr(h, at + 3, 1)) - 1)),
                2 * ((instr('0123456789ABCDEF', substr(h, at, 1)) - 1) * 4096
                + (instr('0123456789ABCDEF', substr(h, at + 1, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, at + 2, 1)) - 1) * 16
                + (instr('0123456789ABCDEF', substr(h, at + 3, 1)) - 1))
            FROM split, hexed WHERE at < length(h))
     SELECT group_concat(substr(h, at - length, length), ' ') FROM split, hexed WHERE at > 1) AS rdata
FROM zones
JOIN rrsets ON rrsets.version = zones.version
LEFT JOIN types ON types.type = rrsets.type;
