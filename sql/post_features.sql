-- post_features: what are posts like, and how does what they earn go along with it?
--
-- :hours     int                of a post's life that count, one of compared_ages()
-- :start     timestamptz        posts published from here on
-- :end       timestamptz        and before
-- :types     engagement_type[]  engagements of these types
-- :category  text               of posts of this category; empty: of any
-- :author    bigint             of posts of this author; 0: of any
-- :tag       text               of posts with this tag; empty: of any
-- :promoted  boolean            of promoted posts, or of the others; null: of both
--
-- One row a group (an author's posts in one category) and feature x. Features are media, promoted
-- and tag:NAME (1 or 0), title_length and content_length (characters), and age (days, at the end
-- of the period). With y = ln(1 + engagements in the first hours) of a post: how many posts the
-- group has, how many of them with x other than 0, and sums of x, x^2, x y and, of all, y.
WITH earned AS (
    SELECT *, ln(1 + engagements::float8) AS y
      FROM posts_at_age(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[])
     WHERE publish_timestamp >= :'start'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
), featured AS (
    SELECT author_id, category, y, f.feature, f.x
      FROM earned
     CROSS JOIN LATERAL (VALUES
           ('media',          has_media::int::float8),
           ('promoted',       is_promoted::int::float8),
           ('title_length',   length(title)::float8),
           ('content_length', content_length::float8),
           ('age',            extract(epoch FROM :'end'::timestamptz - publish_timestamp)::float8
                              / 86400)) AS f (feature, x)
    UNION ALL
    SELECT author_id, category, y, 'tag:' || tag, 1
      FROM earned
     CROSS JOIN LATERAL (SELECT DISTINCT unnest(tags)) AS t (tag)
), grouped AS (
    SELECT author_id, category, count(*) AS number, sum(y) AS y
      FROM earned
     GROUP BY author_id, category
)
SELECT author_id, category, f.feature, g.number, count(*) FILTER (WHERE f.x <> 0) AS number_with,
       sum(f.x) AS x, sum(f.x * f.x) AS xx, sum(f.x * f.y) AS xy, g.y
  FROM featured AS f
  JOIN grouped AS g USING (author_id, category)
 GROUP BY author_id, category, f.feature, g.number, g.y
 ORDER BY f.feature, author_id, category;
