-- author_trends: how are an author's posts engaged with, and how does it change?
--
-- :author_id  bigint       ID of the author
-- :since_7d   timestamptz  posts published since then count for trend_7d
-- :since_30d  timestamptz  posts published since then count for trend_30d
-- :now        timestamptz  end of the last 7 x 24 and 30 x 24 hours
--
-- One row, or none for an unknown author. Posts' all-time engagements are those of the last
-- refresh; the changes are counted from the raw rows.
WITH own AS (
    SELECT post_id, publish_timestamp, total_engagements
      FROM published_stats
     WHERE author_id = :author_id::bigint
), recent AS (
    SELECT count(*) FILTER (WHERE at >= :'now'::timestamptz - interval '168 hours')    AS last_7d,
           count(*) FILTER (WHERE at <  :'now'::timestamptz - interval '168 hours'
                              AND at >= :'now'::timestamptz - interval '336 hours')    AS before_7d,
           count(*) FILTER (WHERE at >= :'now'::timestamptz - interval '720 hours')    AS last_30d,
           count(*) FILTER (WHERE at <  :'now'::timestamptz - interval '720 hours')    AS before_30d
      FROM own
     CROSS JOIN LATERAL (
           SELECT e.engaged_timestamp AS at
             FROM engagements AS e
            WHERE e.post_id = own.post_id
              AND e.engaged_timestamp >= :'now'::timestamptz - interval '1440 hours'
              AND e.engaged_timestamp <= :'now'::timestamptz) AS e
)
SELECT a.author_id, a.name AS author_name, a.author_category AS category,
       o.total_posts, o.total_engagements, o.avg_engagement_per_post, o.trend_7d, o.trend_30d,
       round(100.0 * (r.last_7d - r.before_7d) / nullif(r.before_7d, 0), 1)::float8    AS change_7d,
       round(100.0 * (r.last_30d - r.before_30d) / nullif(r.before_30d, 0), 1)::float8 AS change_30d,
       x.external_id
  FROM authors AS a
 CROSS JOIN (
       SELECT count(*)                                             AS total_posts,
              coalesce(sum(total_engagements), 0)::bigint           AS total_engagements,
              coalesce(round(avg(total_engagements), 2), 0)::float8 AS avg_engagement_per_post,
              coalesce(round(avg(total_engagements)
                  FILTER (WHERE publish_timestamp >= :'since_7d'::timestamptz), 2), 0)::float8
                                                                    AS trend_7d,
              coalesce(round(avg(total_engagements)
                  FILTER (WHERE publish_timestamp >= :'since_30d'::timestamptz), 2), 0)::float8
                                                                    AS trend_30d
         FROM own) AS o
 CROSS JOIN recent AS r
  LEFT JOIN external_ids AS x ON x.kind = 'author' AND x.id = a.author_id
 WHERE a.author_id = :author_id::bigint;
