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
JOIN versions ON versions.version = zones.version
JOIN rrsets ON rrsets.base = coalesce(versions.base, versions.version) AND rrsets.died IS NULL
LEFT JOIN types ON types.type = rrsets.type;
