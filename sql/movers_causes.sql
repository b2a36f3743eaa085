-- movers_causes: which type and which post make up most of the difference from the weeks before?
--
-- :dimensions  text[]             dimension of each mover: all, category, author or post
-- :keys        text[]             key of each mover
-- :signs       int[]              1: above the baseline; -1: below
-- :tides       float8[]           factor by which everything is above its baseline
-- :starts      timestamptz[]      starts of the windows, the current one first, without overlap
-- :ends        timestamptz[]      ends of the windows, in the same order
-- :types       engagement_type[]  event types that count
-- :category    text               category of the posts; empty: any
-- :author      bigint             author of the posts; 0: any
-- :tag         text               tag of the posts; empty: any
-- :promoted    boolean            only promoted posts, or only the others; null: both
--
-- One row per mover, with its name. Excess: engagements now less those of a mean
-- window before, times the tide.
WITH windows AS (
    SELECT *
      FROM unnest(:'starts'::timestamptz[], :'ends'::timestamptz[]) WITH ORDINALITY
           AS w (start_timestamp, end_timestamp, place)
), counted AS (
    SELECT e.post_id, e.type,
           coalesce(sum(e.events) FILTER (WHERE w.place = 1), 0)::float8 AS now,
           coalesce(sum(e.events) FILTER (WHERE w.place > 1), 0)::float8
               / (cardinality(:'starts'::timestamptz[]) - 1) AS before
      FROM windows AS w
     CROSS JOIN LATERAL (
           SELECT post_id, type, count(*) AS events
             FROM engagements
            WHERE engaged_timestamp >= w.start_timestamp
              AND engaged_timestamp < w.end_timestamp
              AND type = ANY (:'types'::engagement_type[])
            GROUP BY post_id, type) AS e
     GROUP BY e.post_id, e.type
), keyed AS (
    SELECT a.dimension, a.key, a.sign, c.post_id, c.type, p.title,
           c.now - a.tide * c.before AS excess
      FROM counted AS c
      JOIN matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           AS p USING (post_id)
     CROSS JOIN LATERAL (VALUES
           ('all', ''), ('category', p.category), ('author', p.author_id::text),
           ('post', p.post_id::text)) AS k (dimension, key)
      JOIN unnest(:'dimensions'::text[], :'keys'::text[], :'signs'::int[], :'tides'::float8[])
           AS a (dimension, key, sign, tide) ON a.dimension = k.dimension AND a.key = k.key
), by_type AS (
    SELECT DISTINCT ON (dimension, key) dimension, key, type, sum(excess) AS excess
      FROM keyed
     GROUP BY dimension, key, sign, type
     ORDER BY dimension, key, sign * sum(excess) DESC, type
), by_post AS (
    SELECT DISTINCT ON (dimension, key) dimension, key, post_id, title, sum(excess) AS excess
      FROM keyed
     GROUP BY dimension, key, sign, post_id, title
     ORDER BY dimension, key, sign * sum(excess) DESC, post_id
)
SELECT t.dimension, t.key, t.type::text AS type, t.excess AS type_excess,
       p.post_id, p.title, p.excess AS post_excess,
       CASE t.dimension WHEN 'author' THEN a.name WHEN 'post' THEN p.title ELSE t.key END AS label,
       CASE WHEN t.dimension = 'post' THEN w.name END AS author_name,
       CASE t.dimension WHEN 'author' THEN a.author_category WHEN 'post' THEN posts.category
            WHEN 'category' THEN t.key END AS category
  FROM by_type AS t
  JOIN by_post AS p ON p.dimension = t.dimension AND p.key = t.key
  JOIN posts USING (post_id)
  JOIN authors AS w USING (author_id)
  LEFT JOIN authors AS a ON t.dimension = 'author' AND a.author_id::text = t.key
 ORDER BY t.dimension, t.key;
