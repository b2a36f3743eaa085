-- engagement_days: UTC days that have a partition
--
-- One row per day, oldest first.
SELECT day
  FROM engagement_partitions
 WHERE day IS NOT NULL
 ORDER BY day;
