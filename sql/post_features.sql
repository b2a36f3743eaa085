-- post_features: what each post is like, and what it earned while it was young
--
-- :start     timestamptz        posts published from here on
-- :end       timestamptz        and so long before it that they are old enough
-- :hours     int                engagement counts until a post is so old
-- :types     engagement_type[]  of these types
-- :category  text               of posts of this category; empty: of any
-- :author    bigint             of posts of this author; 0: of any
-- :tag       text               of posts with this tag; empty: of any
-- :promoted  boolean            of promoted posts, or of the others; null: of both
--
-- One row a post.
WITH chosen AS (
    SELECT *, publish_timestamp + make_interval(hours => :hours::int) AS until_timestamp
      FROM chosen_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
     WHERE publish_timestamp >= :'start'::timestamptz
       AND publish_timestamp <= :'end'::timestamptz - make_interval(hours => :hours::int)
), earned AS (
    SELECT p.post_id, count(*) AS engagements
      FROM chosen AS p
      JOIN engagements AS e
        ON e.post_id = p.post_id
       AND e.engaged_timestamp >= p.publish_timestamp
       AND e.engaged_timestamp < p.until_timestamp
     WHERE e.engaged_timestamp >= :'start'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
       AND e.type = ANY (:'types'::engagement_type[])
     GROUP BY p.post_id
)
SELECT p.post_id, p.author_id, p.category, p.has_media, p.is_promoted, p.tags,
       length(p.title) AS title_length, p.content_length,
       coalesce(e.engagements, 0) AS engagements
  FROM chosen AS p
  LEFT JOIN earned AS e USING (post_id)
 ORDER BY p.post_id;
