-- verify_expired_days: expired days that were counted again, or lost events
--
-- One row per wrong day. Every counted event of a day is either stored or expired, and an expired day
-- has a partition only if it was restored from the archive.
WITH counted AS (
    SELECT (bucket AT TIME ZONE 'UTC')::date AS day,
           sum(views + likes + comments + shares)::bigint AS counted
      FROM engagements_15m
     GROUP BY 1
)
SELECT x.day, coalesce(c.counted, 0) AS counted, x.rows AS expired, r.rows AS stored,
       p.day IS NOT NULL AND NOT EXISTS (
           SELECT FROM archived_partitions AS a
            WHERE a.day = x.day AND a.restored_timestamp IS NOT NULL) AS was_recreated
  FROM expired_partitions AS x
  LEFT JOIN counted AS c USING (day)
  LEFT JOIN engagement_partitions AS p USING (day)
 CROSS JOIN LATERAL (
       SELECT count(*) AS rows
         FROM engagements AS e
        WHERE p.day IS NOT NULL
          AND e.engaged_timestamp >= x.day::timestamp AT TIME ZONE 'UTC'
          AND e.engaged_timestamp < (x.day + 1)::timestamp AT TIME ZONE 'UTC') AS r
 WHERE coalesce(c.counted, 0) <> x.rows + r.rows
    OR p.day IS NOT NULL AND NOT EXISTS (
           SELECT FROM archived_partitions AS a
            WHERE a.day = x.day AND a.restored_timestamp IS NOT NULL)
 ORDER BY x.day;
