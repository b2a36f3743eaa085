-- fair_posts: which posts did best, each compared with its category's posts at the same age?
--
-- :hours      int                hours of a post's life that count, one of compared_ages()
-- :sort       text               index or engagements
-- :start      timestamptz        start of the publication period
-- :end        timestamptz        end of the publication period, exclusive
-- :types      engagement_type[]  event types that count
-- :category   text               category of the posts; empty: any
-- :author     bigint             author of the posts; 0: any
-- :tag        text               tag of the posts; empty: any
-- :promoted   boolean            only promoted posts, or only the others; null: both
-- :after      float8             sort value of the row before the page; null: first page
-- :after_key  bigint             ID of the post before the page
-- :limit      int                maximum rows
--
-- One row per post that is old enough, best first. baseline_mean, median: of the category's
-- posts at that age. percentile: percent of them with fewer engagements, and half of those with as many.
-- spread: variance of what posts of the category deserve, relative to the square of their mean.
-- The index follows a gamma distribution with this shape and rate (docs/metrics.md).
WITH earned AS (
    SELECT *, rank() OVER (PARTITION BY category ORDER BY engagements)  AS place,
           count(*) OVER (PARTITION BY category, engagements)           AS equal
      FROM posts_at_age(:'category'::text, 0, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[])
     WHERE publish_timestamp >= :'start'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
), peers AS (
    SELECT category, count(*) AS posts, avg(engagements)::float8 AS mean,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY engagements) AS median,
           coalesce(var_samp(engagements), 0)::float8 AS variance
      FROM earned
     GROUP BY category
), spread AS (
    SELECT category, posts, mean, median, greatest(0.01, (variance - mean) / mean ^ 2) AS spread
      FROM peers
     WHERE mean > 0
), indexed AS (
    SELECT e.*, s.mean AS baseline_mean, s.median,
           100 * (e.place - 1 + e.equal / 2.0)::float8 / s.posts AS percentile,
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
       s.engagements AS total_engagements, s.baseline_mean, s.median, s.percentile, s.shape, s.rate,
       s.sort_value, x.external_id
  FROM sorted AS s
  JOIN authors AS a USING (author_id)
  LEFT JOIN external_ids AS x ON x.kind = 'post' AND x.id = s.post_id
 WHERE :author::bigint IN (0, s.author_id)
   AND (:after::float8 IS NULL
        OR s.sort_value < :after::float8
        OR (s.sort_value = :after::float8 AND s.post_id > :after_key::bigint))
 ORDER BY s.sort_value DESC, s.post_id
 LIMIT :limit::int;
