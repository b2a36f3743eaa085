-- The day of a partition, read from its name without ever reading another table's name as a date:
-- a plan may filter by day before it joins. Locks nothing that exists. Safe to run twice.

CREATE OR REPLACE VIEW engagement_partitions AS
SELECT CASE WHEN c.relname ~ '^engagements_[0-9]{8}$'
            THEN to_date(right(c.relname, 8), 'YYYYMMDD')
        END AS day,
       c.relname::text AS name, c.oid AS relation
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'engagements'::regclass;
