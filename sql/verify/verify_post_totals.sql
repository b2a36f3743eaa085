-- verify_post_totals: posts whose totals differ from their raw rows
--
-- One row per wrong post. Totals include expired days, so once days have expired a total may exceed
-- the raw rows; verify_ledger then checks the sum of all totals.
WITH recomputed AS (
    SELECT post_id,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares
      FROM engagements
     GROUP BY post_id
)
SELECT post_id,
       t.views    AS views,    r.views    AS raw_views,
       t.likes    AS likes,    r.likes    AS raw_likes,
       t.comments AS comments, r.comments AS raw_comments,
       t.shares   AS shares,   r.shares   AS raw_shares
  FROM post_totals AS t
  FULL JOIN recomputed AS r USING (post_id)
 WHERE CASE WHEN EXISTS (SELECT FROM expired_partitions WHERE rows > 0)
            THEN coalesce(t.views, 0)    < coalesce(r.views, 0)
              OR coalesce(t.likes, 0)    < coalesce(r.likes, 0)
              OR coalesce(t.comments, 0) < coalesce(r.comments, 0)
              OR coalesce(t.shares, 0)   < coalesce(r.shares, 0)
            ELSE (coalesce(t.views, 0), coalesce(t.likes, 0),
                  coalesce(t.comments, 0), coalesce(t.shares, 0))
              <> (coalesce(r.views, 0), coalesce(r.likes, 0),
                  coalesce(r.comments, 0), coalesce(r.shares, 0))
        END
 ORDER BY post_id;
