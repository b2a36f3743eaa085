-- restored_archive_parts: files of a day whose events are in engagements again
--
-- :day  date  the UTC day
--
-- One row per file.
SELECT part
  FROM archived_partitions
 WHERE day = :'day'::date AND restored_timestamp IS NOT NULL;
