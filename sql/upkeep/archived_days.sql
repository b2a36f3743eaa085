-- archived_days: which days expired into which files, and which came back?
--
-- :first  date  the first day
-- :last   date  the last one
--
-- One row a file, oldest first.
SELECT day, part, rows, bytes, archived_timestamp, restored_timestamp, keep_until,
       sha256, next_sha256
  FROM archived_partitions
 WHERE day BETWEEN :'first'::date AND :'last'::date
 ORDER BY day, part;
