-- From format 3, in which the length of a journal was counted anew for each step, to format 4.
ALTER TABLE journal_steps ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE journal_steps ADD COLUMN records_so_far INTEGER NOT NULL DEFAULT 0;
UPDATE journal_steps SET number = counted.number, records_so_far = counted.records_so_far
FROM (SELECT version, row_number() OVER of_zone AS number, sum(records) OVER of_zone AS records_so_far
      FROM journal_steps WHERE state = 'ready' WINDOW of_zone AS (PARTITION BY zone_id ORDER BY version)) AS counted
WHERE journal_steps.version = counted.version;
CREATE INDEX ready_journal_steps ON journal_steps (zone_id, version) WHERE state = 'ready';
PRAGMA user_version = 4;
