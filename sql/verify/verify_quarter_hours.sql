-- verify_quarter_hours: which quarters' counts differ from their raw rows?
--
-- One row a quarter that is wrong, of the days whose partitions are still there.
WITH recomputed AS (
    SELECT date_bin('15 minutes', engaged_timestamp, 'epoch'::timestamptz) AS quarter,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares
      FROM engagements
     GROUP BY 1
), kept AS (
    SELECT q.*
      FROM quarter_hours AS q
     WHERE NOT EXISTS (SELECT FROM expired_partitions AS e
                        WHERE e.day = (q.quarter AT TIME ZONE 'UTC')::date)
)
SELECT quarter,
       k.views    AS views,    r.views    AS raw_views,
       k.likes    AS likes,    r.likes    AS raw_likes,
       k.comments AS comments, r.comments AS raw_comments,
       k.shares   AS shares,   r.shares   AS raw_shares
  FROM kept AS k
  FULL JOIN recomputed AS r USING (quarter)
 WHERE (k.views, k.likes, k.comments, k.shares)
       IS DISTINCT FROM (r.views, r.likes, r.comments, r.shares)
   AND NOT EXISTS (SELECT FROM expired_partitions AS e
                    WHERE e.day = (quarter AT TIME ZONE 'UTC')::date)
 ORDER BY quarter;
