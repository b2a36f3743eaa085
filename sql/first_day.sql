-- first_day: since when are events stored?
--
-- One row: the begin of the oldest daily partition that has rows, UTC; null: there is none.
SELECT min(bucket) AS first_bucket
  FROM engagements_15m
 WHERE bucket >= (SELECT min(day)::timestamp AT TIME ZONE 'UTC' FROM engagement_partitions)
   AND views + likes + comments + shares > 0;
