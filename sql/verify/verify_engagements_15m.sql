-- verify_engagements_15m: buckets whose counts differ from their raw rows
--
-- One row per wrong bucket, of the days that have not expired.
WITH recomputed AS (
    SELECT date_bin('15 minutes', engaged_timestamp, 'epoch'::timestamptz) AS bucket,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares
      FROM engagements
     GROUP BY 1
), kept AS (
    SELECT q.*
      FROM engagements_15m AS q
     WHERE NOT EXISTS (SELECT FROM expired_partitions AS e
                        WHERE e.day = (q.bucket AT TIME ZONE 'UTC')::date)
)
SELECT bucket,
       k.views    AS views,    r.views    AS raw_views,
       k.likes    AS likes,    r.likes    AS raw_likes,
       k.comments AS comments, r.comments AS raw_comments,
       k.shares   AS shares,   r.shares   AS raw_shares
  FROM kept AS k
  FULL JOIN recomputed AS r USING (bucket)
 WHERE (coalesce(k.views, 0), coalesce(k.likes, 0), coalesce(k.comments, 0), coalesce(k.shares, 0))
    <> (coalesce(r.views, 0), coalesce(r.likes, 0), coalesce(r.comments, 0), coalesce(r.shares, 0))
   AND NOT EXISTS (SELECT FROM expired_partitions AS e
                    WHERE e.day = (bucket AT TIME ZONE 'UTC')::date)
 ORDER BY bucket;
