-- fair_posts: which posts did best, each compared with its category's posts at the same age?
--
-- :hours      int                of a post's life that count, one of compared_ages()
-- :sort       text               index or engagements
-- :start      timestamptz        posts published from here on
-- :end        timestamptz        and before
-- :types      engagement_type[]  engagements of these types
-- :category   text               of posts of this category; empty: of any
-- :author     bigint             posts of this author; 0: of any
-- :tag        text               of posts with this tag; empty: of any
-- :promoted   boolean            of promoted posts, or of the others; null: of both
-- :after      float8             the last sort value seen; null: from the first row on
-- :after_key  bigint             the last post seen
-- :limit      int                rows at most
--
-- One row a post that is old enough, best first. usual: mean of the category's posts at that age.
-- spread: variance of what posts of the category deserve, relative to the square of their mean.
-- The index follows a gamma distribution with this shape and rate (docs/metrics.md).
WITH earned AS (
    SELECT *
      FROM posts_at_age(:'category'::text, 0, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[])
     WHERE publish_timestamp >= :'start'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
), usual AS (
    SELECT category, avg(engagements)::float8 AS mean,
           coalesce(var_samp(engagements), 0)::float8 AS variance
      FROM earned
     GROUP BY category
), spread AS (
    SELECT category, mean, greatest(0.01, (variance - mean) / mean ^ 2) AS spread
      FROM usual
     WHERE mean > 0
), indexed AS (
    SELECT e.*, s.mean AS usual,
           1 / s.spread + e.engagements AS shape, 1 / s.spread + s.mean AS rate
      FROM earned AS e
      JOIN spread AS s USING (category)
), sorted AS (
    SELECT *, (CASE :'sort'::text WHEN 'engagements' THEN engagements ELSE shape / rate END)::float8
              AS sort_value
      FROM indexed
)
SELECT s.post_id, s.title, s.author_id, a.name AS author_name, s.category,
       s.publish_timestamp AS publish_date, s.views, s.likes, s.comments, s.shares,
       s.engagements AS total_engagements, s.usual, s.shape, s.rate, s.sort_value
  FROM sorted AS s
  JOIN authors AS a USING (author_id)
 WHERE :author::bigint IN (0, s.author_id)
   AND (:after::float8 IS NULL
        OR s.sort_value < :after::float8
        OR (s.sort_value = :after::float8 AND s.post_id > :after_key::bigint))
 ORDER BY s.sort_value DESC, s.post_id
 LIMIT :limit::int;
