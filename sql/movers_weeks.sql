-- movers_weeks: how much engagement is there now, and at the same hours of the weeks before?
--
-- :starts    timestamptz[]      starts of the windows, the current one first, without overlap
-- :ends      timestamptz[]      ends of the windows, in the same order
-- :least     int                posts with fewer engagements in the current window are left out
-- :types     engagement_type[]  event types that count
-- :category  text               category of the posts; empty: any
-- :author    bigint             author of the posts; 0: any
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
--
-- One row per window (1 is now), dimension (all, category, author, post) and key; windows without
-- engagements have none. All authors have rows, as one author is compared with the others.
-- author_id, published: of a post. posts: number of posts with engagements in any window.
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
           CASE WHEN k.dimension = 'post' THEN min(p.author_id) END AS author_id,
           CASE WHEN k.dimension = 'post' THEN min(p.publish_timestamp) END AS published
      FROM counted AS c
      JOIN matching_posts(:'category'::text, 0, :'tag'::text, :promoted::boolean) AS p
     USING (post_id)
     CROSS JOIN LATERAL (VALUES
           ('all', ''), ('category', p.category), ('author', p.author_id::text),
           ('post', p.post_id::text)) AS k (dimension, key)
     WHERE k.dimension = 'author' OR :author::bigint IN (0, p.author_id)
     GROUP BY c.place, k.dimension, k.key
), compared AS (
    SELECT *, sum(events) FILTER (WHERE place = 1) OVER (PARTITION BY dimension, key) AS events_now
      FROM keyed
)
SELECT place, dimension, key, events, author_id, published,
       (SELECT count(DISTINCT key) FROM keyed WHERE dimension = 'post') AS posts
  FROM compared
 WHERE dimension <> 'post' OR events_now >= :least::int
 ORDER BY dimension, key, place;
