-- movers_causes: which type and which post make up most of the difference from the weeks before?
--
-- :dimensions  text[]             of what is asked about: all, category, author or post
-- :keys        text[]             and its key
-- :signs       int[]              1: there is more now; -1: there is less
-- :tides       float8[]           how many times as much as usual there is of everything
-- :starts      timestamptz[]      begins of windows, that of now first; they do not overlap
-- :ends        timestamptz[]      and their ends, in the same order
-- :types       engagement_type[]  of these types
-- :category    text               of posts of this category; empty: of any
-- :author      bigint             of posts of this author; 0: of any
-- :tag         text               of posts with this tag; empty: of any
-- :promoted    boolean            of promoted posts, or of the others; null: of both
--
-- One row for each that is asked about, with its name. Excess: engagements now less those of a mean
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
      JOIN chosen_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
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
