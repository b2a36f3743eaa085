-- next_archive_part: number of the next file of a day in the archive
--
-- :day  date  the UTC day
--
-- One row. A new file replaces the restored ones, so it may have the number of one of them.
SELECT coalesce(max(part), 0) + 1 AS part
  FROM archived_partitions
 WHERE day = :'day'::date AND restored_timestamp IS NULL;
