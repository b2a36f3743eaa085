-- evergreen: which old posts still earn engagement, compared with posts of the same age?
--
-- :since     timestamptz        start of the last 28 days
-- :now       timestamptz        their end, exclusive
-- :types     engagement_type[]  event types that count
-- :category  text               category of the posts; empty: any
-- :author    bigint             author of the posts; 0: any
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
-- :limit     int                maximum rows
--
-- One row per post published at least a week before :since, with engagement in the last 28 days.
-- expected: the engagements of its first week and one, times what the other posts of its category that
-- are as old by 28 days earned in the last 28 days for each of theirs, without those that earned ten
-- more than three times as much. Posts with fewer than 20 such others are left out. spread: the
-- excess variance of these posts around what is expected, relative to its square. The filters by
-- author, tag and promoted do not restrict the other posts. First those whose index has the highest
-- lower end: the quantile 0.025 of a gamma variable (Wilson and Hilferty).
WITH recent AS (
    SELECT post_id, count(*) AS events
      FROM engagements
     WHERE engaged_timestamp >= :'since'::timestamptz
       AND engaged_timestamp < :'now'::timestamptz
       AND type = ANY (:'types'::engagement_type[])
     GROUP BY post_id
), aged AS (
    SELECT f.post_id, f.author_id, f.category, f.title, f.publish_timestamp, f.tags, f.is_promoted,
           floor(extract(epoch FROM :'since'::timestamptz - f.publish_timestamp) / 2419200) AS age,
           f.engagements AS first_week, f.engagements + 1.0::float8 AS size,
           coalesce(r.events, 0)::float8 AS y
      FROM posts_at_age(:'category'::text, 0, '', NULL, 168, :'types'::engagement_type[]) AS f
      LEFT JOIN recent AS r USING (post_id)
     WHERE f.publish_timestamp <= :'since'::timestamptz - interval '168 hours'
), rough AS (
    SELECT *, y <= 10 + 3 * size * sum(y) OVER every / sum(size) OVER every AS is_usual
      FROM aged
    WINDOW every AS (PARTITION BY category, age)
), others AS (
    SELECT *, count(*) FILTER (WHERE is_usual) OVER every - is_usual::int AS peers,
           sum(y) FILTER (WHERE is_usual) OVER every - y * is_usual::int AS others_y,
           sum(size) FILTER (WHERE is_usual) OVER every - size * is_usual::int AS others_size
      FROM rough
    WINDOW every AS (PARTITION BY category, age)
), expected AS (
    SELECT *, size * others_y / others_size AS e
      FROM others
     WHERE peers >= 20
), compared AS (
    SELECT *, greatest(sum((y - e) ^ 2 - y) FILTER (WHERE is_usual) OVER every
                       / nullif(sum(e ^ 2) FILTER (WHERE is_usual) OVER every, 0), 0.01) AS spread
      FROM expected
     WHERE e > 0
    WINDOW every AS (PARTITION BY category)
)
SELECT c.post_id, c.title, c.author_id, a.name AS author_name, c.category,
       c.publish_timestamp AS publish_date, c.first_week,
       c.y::bigint AS recent, c.e AS expected, c.spread, x.external_id
  FROM compared AS c
  JOIN authors AS a USING (author_id)
  LEFT JOIN external_ids AS x ON x.kind = 'post' AND x.id = c.post_id
 WHERE c.y > 0
   AND :author::bigint IN (0, c.author_id)
   AND (:'tag'::text = '' OR c.tags @> ARRAY[:'tag'::text])
   AND (:promoted::boolean IS NULL OR c.is_promoted = :promoted::boolean)
 ORDER BY (1 / c.spread + c.y) / (1 / c.spread + c.e)
          * greatest(1 - 1 / (9 * (1 / c.spread + c.y)) - 1.96 / (3 * sqrt(1 / c.spread + c.y)), 0) ^ 3
          DESC, c.post_id
 LIMIT :limit::int;
