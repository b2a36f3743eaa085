-- verify_first_hours: posts whose first hours differ from their raw rows
--
-- One row per wrong post, with the greatest age that is wrong. Posts whose events changed since the
-- last refresh are left out, and so are posts of expired days.
WITH kept AS (
    SELECT f.*
      FROM first_hours AS f
      JOIN posts AS p USING (post_id, publish_timestamp)
      LEFT JOIN post_totals AS t USING (post_id)
     CROSS JOIN first_hours_state AS s
     WHERE (age(t.xmin) <= age(s.unseen::xid)) IS NOT TRUE
       AND f.publish_timestamp >= coalesce((SELECT max(day) + 1 FROM expired_partitions)::timestamp
                                           AT TIME ZONE 'UTC', '-infinity')
), compared AS (
    SELECT k.post_id, a.hours, k.views[a.place] AS views, k.likes[a.place] AS likes,
           k.comments[a.place] AS comments, k.shares[a.place] AS shares, r.*
      FROM kept AS k
     CROSS JOIN unnest(compared_ages()) WITH ORDINALITY AS a (hours, place)
     CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE type = 'view')    AS raw_views,
                  count(*) FILTER (WHERE type = 'like')    AS raw_likes,
                  count(*) FILTER (WHERE type = 'comment') AS raw_comments,
                  count(*) FILTER (WHERE type = 'share')   AS raw_shares
             FROM engagements
            WHERE post_id = k.post_id
              AND engaged_timestamp >= k.publish_timestamp
              AND engaged_timestamp < k.publish_timestamp + make_interval(hours => a.hours)) AS r
     WHERE a.place <= k.ages
)
SELECT DISTINCT ON (post_id) *
  FROM compared
 WHERE (views, likes, comments, shares)
       IS DISTINCT FROM (raw_views, raw_likes, raw_comments, raw_shares)
 ORDER BY post_id, hours DESC;
