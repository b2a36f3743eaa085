-- author_outcomes: outcomes of authors in two adjacent periods
--
-- :authors  bigint[]     the authors
-- :before   timestamptz  start of the first period
-- :start    timestamptz  end of the first period and start of the second
-- :end      timestamptz  end of the second period
-- :hours    int          age until which engagement counts; younger posts are left out
--
-- Two rows per author. published: number of posts; posts: those that are old enough and whose first
-- hours were recorded; engagements, squares: sums of what these earned, and of its square.
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
    SELECT p.post_id, count(*)::float8 AS y
      FROM published AS p
      JOIN engagements AS e
        ON e.post_id = p.post_id
       AND e.engaged_timestamp >= p.publish_timestamp
       AND e.engaged_timestamp < p.publish_timestamp + make_interval(hours => :hours::int)
     WHERE e.engaged_timestamp >= :'before'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
     GROUP BY p.post_id
)
SELECT a.author_id, w.is_after, count(p.post_id) AS published,
       count(*) FILTER (WHERE p.is_old) AS posts,
       coalesce(sum(e.y) FILTER (WHERE p.is_old), 0) AS engagements,
       coalesce(sum(e.y * e.y) FILTER (WHERE p.is_old), 0) AS squares
  FROM unnest(:'authors'::bigint[]) AS a (author_id)
 CROSS JOIN (VALUES (false), (true)) AS w (is_after)
  LEFT JOIN published AS p ON p.author_id = a.author_id AND p.is_after = w.is_after
  LEFT JOIN earned AS e USING (post_id)
 GROUP BY a.author_id, w.is_after
 ORDER BY a.author_id, w.is_after;
