-- Current records for people: data in hexadecimal, several of one RRset with a space between. All blocks of the store are taken
-- apart for it, so with millions of records it takes a minute; tenon-loadzone --export is the quick way to see a zone.
CREATE VIEW records AS
WITH RECURSIVE
    -- Blocks of current versions taken apart from their start on: h is the head of the first RRset in rest, and size what that
    -- takes, which the next row knows.
    apart(version, base, rest, h, size) AS (
        SELECT zones.version, blocks.base, blocks.rrsets, hex(substr(blocks.rrsets, 1, 14)), NULL
        FROM zones JOIN blocks ON blocks.base = zones.base
        UNION ALL
        SELECT version, base,
            CASE WHEN size IS NULL THEN rest ELSE substr(rest, size + 1) END,
            CASE WHEN size IS NULL THEN h ELSE hex(substr(rest, size + 1, 14)) END,
            CASE WHEN size IS NULL THEN 14
                + (instr('0123456789ABCDEF', substr(h, 1, 1)) - 1) * 4096 + (instr('0123456789ABCDEF', substr(h, 2, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, 3, 1)) - 1) * 16 + (instr('0123456789ABCDEF', substr(h, 4, 1)) - 1)
                + (instr('0123456789ABCDEF', substr(h, 9, 1)) - 1) * 4096 + (instr('0123456789ABCDEF', substr(h, 10, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, 11, 1)) - 1) * 16 + (instr('0123456789ABCDEF', substr(h, 12, 1)) - 1)
                + (instr('0123456789ABCDEF', substr(h, 23, 1)) - 1) * 1048576 + (instr('0123456789ABCDEF', substr(h, 24, 1)) - 1) * 65536
                + (instr('0123456789ABCDEF', substr(h, 25, 1)) - 1) * 4096 + (instr('0123456789ABCDEF', substr(h, 26, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, 27, 1)) - 1) * 16 + (instr('0123456789ABCDEF', substr(h, 28, 1)) - 1) END
        FROM apart WHERE length(h) = 28),
    numbers(version, base, rest, keys, type, owners, ttl, data) AS (
        SELECT version, base, rest,
            (instr('0123456789ABCDEF', substr(h, 1, 1)) - 1) * 4096 + (instr('0123456789ABCDEF', substr(h, 2, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, 3, 1)) - 1) * 16 + (instr('0123456789ABCDEF', substr(h, 4, 1)) - 1),
            (instr('0123456789ABCDEF', substr(h, 5, 1)) - 1) * 4096 + (instr('0123456789ABCDEF', substr(h, 6, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, 7, 1)) - 1) * 16 + (instr('0123456789ABCDEF', substr(h, 8, 1)) - 1),
            (instr('0123456789ABCDEF', substr(h, 9, 1)) - 1) * 4096 + (instr('0123456789ABCDEF', substr(h, 10, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, 11, 1)) - 1) * 16 + (instr('0123456789ABCDEF', substr(h, 12, 1)) - 1),
            (instr('0123456789ABCDEF', substr(h, 13, 1)) - 1) * 268435456 + (instr('0123456789ABCDEF', substr(h, 14, 1)) - 1) * 16777216
                + (instr('0123456789ABCDEF', substr(h, 15, 1)) - 1) * 1048576 + (instr('0123456789ABCDEF', substr(h, 16, 1)) - 1) * 65536
                + (instr('0123456789ABCDEF', substr(h, 17, 1)) - 1) * 4096 + (instr('0123456789ABCDEF', substr(h, 18, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, 19, 1)) - 1) * 16 + (instr('0123456789ABCDEF', substr(h, 20, 1)) - 1),
            (instr('0123456789ABCDEF', substr(h, 23, 1)) - 1) * 1048576 + (instr('0123456789ABCDEF', substr(h, 24, 1)) - 1) * 65536
                + (instr('0123456789ABCDEF', substr(h, 25, 1)) - 1) * 4096 + (instr('0123456789ABCDEF', substr(h, 26, 1)) - 1) * 256
                + (instr('0123456789ABCDEF', substr(h, 27, 1)) - 1) * 16 + (instr('0123456789ABCDEF', substr(h, 28, 1)) - 1)
        FROM apart WHERE size <= length(rest)),
    every(version, owner, ttl, type, rdatas) AS (
        SELECT zones.version, rrsets.owner, rrsets.ttl, rrsets.type, rrsets.rdatas
        FROM zones JOIN rrsets ON rrsets.base = zones.base AND rrsets.died IS NULL
        UNION ALL
        SELECT version, CAST(substr(rest, 15 + keys, owners) AS TEXT), ttl, type, substr(rest, 15 + keys + owners, data)
        FROM numbers
        WHERE NOT EXISTS (SELECT 1 FROM rrsets AS other WHERE other.base = numbers.base AND other.born = 0
            AND other.sort_key = substr(numbers.rest, 15, keys) AND other.type = numbers.type))
SELECT zones.name AS zone, every.owner AS owner, every.ttl AS ttl,
    coalesce(types.mnemonic, 'TYPE' || every.type) AS type,
    (WITH RECURSIVE
        hexed(h) AS (SELECT hex(every.rdatas)),
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
FROM every
JOIN zones ON zones.version = every.version
LEFT JOIN types ON types.type = every.type;
