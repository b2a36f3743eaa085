-- archived_days: files of the archive, by day
--
-- :first  date  first day
-- :last   date  last day
--
-- One row per file, oldest first.
SELECT day, part, rows, bytes, archived_timestamp, restored_timestamp, keep_until,
       sha256, replacement_sha256
  FROM archived_partitions
 WHERE day BETWEEN :'first'::date AND :'last'::date
 ORDER BY day, part;
