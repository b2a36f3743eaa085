-- author_outcomes: how did each author's posts do in two periods that meet?
--
-- :authors  bigint[]     these authors
-- :before   timestamptz  the begin of the first period, which ends where the second begins
-- :start    timestamptz  the begin of the second
-- :end      timestamptz  and its end
-- :hours    int          engagement counts until a post is so old; younger posts are left out
--
-- Two rows an author: posts that were published, and the mean of ln(1 + engagements) of those
-- that are old enough, and whose first hours were recorded; null without any.
WITH published AS (
    SELECT post_id, author_id, publish_timestamp,
           publish_timestamp >= :'start'::timestamptz AS is_after,
           publish_timestamp >= recorded_since
           AND publish_timestamp <= :'end'::timestamptz - make_interval(hours => :hours::int)
               AS is_old
      FROM posts
     CROSS JOIN first_hours_state
     WHERE author_id = ANY (:'authors'::bigint[])
       AND publish_timestamp >= :'before'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
), earned AS (
    SELECT p.post_id, count(*) AS engagements
      FROM published AS p
      JOIN engagements AS e
        ON e.post_id = p.post_id
       AND e.engaged_timestamp >= p.publish_timestamp
       AND e.engaged_timestamp < p.publish_timestamp + make_interval(hours => :hours::int)
     WHERE e.engaged_timestamp >= :'before'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
     GROUP BY p.post_id
)
SELECT a.author_id, w.is_after, count(p.post_id) AS posts,
       avg(ln(1 + coalesce(e.engagements, 0))) FILTER (WHERE p.is_old)::float8 AS mean_log
  FROM unnest(:'authors'::bigint[]) AS a (author_id)
 CROSS JOIN (VALUES (false), (true)) AS w (is_after)
  LEFT JOIN published AS p ON p.author_id = a.author_id AND p.is_after = w.is_after
  LEFT JOIN earned AS e USING (post_id)
 GROUP BY a.author_id, w.is_after
 ORDER BY a.author_id, w.is_after;
