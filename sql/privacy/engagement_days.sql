-- engagement_days: of which UTC days are there engagements, or could be?
--
-- One row a daily partition, oldest first.
SELECT day
  FROM engagement_partitions
 WHERE day IS NOT NULL
 ORDER BY day;
