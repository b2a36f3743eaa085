-- movers_weeks: how much engagement is there now, and at the same hours of the weeks before?
--
-- :starts    timestamptz[]      begins of windows, that of now first; they do not overlap
-- :ends      timestamptz[]      and their ends, in the same order
-- :least     int                posts with fewer engagements now are left out
-- :types     engagement_type[]  of these types
-- :category  text               of posts of this category; empty: of any
-- :author    bigint             of posts of this author; 0: of any
-- :tag       text               of posts with this tag; empty: of any
-- :promoted  boolean            of promoted posts, or of the others; null: of both
--
-- One row a window (1 is now), dimension (all, category, author, post) and key; windows without
-- engagements have none. published: of a post.
WITH windows AS (
    SELECT *
      FROM unnest(:'starts'::timestamptz[], :'ends'::timestamptz[]) WITH ORDINALITY
           AS w (start_timestamp, end_timestamp, place)
), counted AS (
    SELECT w.place, e.post_id, e.events
      FROM windows AS w
     CROSS JOIN LATERAL (
           SELECT post_id, count(*) AS events
             FROM engagements
            WHERE engaged_timestamp >= w.start_timestamp
              AND engaged_timestamp < w.end_timestamp
              AND type = ANY (:'types'::engagement_type[])
            GROUP BY post_id) AS e
), keyed AS (
    SELECT c.place, k.dimension, k.key, sum(c.events)::bigint AS events,
           CASE WHEN k.dimension = 'post' THEN min(p.publish_timestamp) END AS published
      FROM counted AS c
      JOIN chosen_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           AS p USING (post_id)
     CROSS JOIN LATERAL (VALUES
           ('all', ''), ('category', p.category), ('author', p.author_id::text),
           ('post', p.post_id::text)) AS k (dimension, key)
     GROUP BY c.place, k.dimension, k.key
), compared AS (
    SELECT *, sum(events) FILTER (WHERE place = 1) OVER (PARTITION BY dimension, key) AS events_now
      FROM keyed
)
SELECT place, dimension, key, events, published
  FROM compared
 WHERE dimension <> 'post' OR events_now >= :least::int
 ORDER BY dimension, key, place;
