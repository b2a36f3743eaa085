-- post_features: how do features of posts correlate with their engagement?
--
-- :hours     int                hours of a post's life that count, one of compared_ages()
-- :start     timestamptz        start of the publication period
-- :end       timestamptz        end of the publication period, exclusive
-- :types     engagement_type[]  event types that count
-- :category  text               category of the posts; empty: any
-- :author    bigint             author of the posts; 0: any
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
--
-- One row per group (an author's posts in one category), feature and level of the feature. Levels
-- are 1 and 0 of media, promoted and tag:NAME; steps of 10 characters of title_length and of 1,000
-- of content_length; and a single one of age (days, at the end of the period). posts: how many;
-- x: their mean of the feature; engagements, squares: sums of what they earned in the first hours,
-- and of its square.
WITH earned AS (
    SELECT *, engagements::float8 AS y
      FROM posts_at_age(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[])
     WHERE publish_timestamp >= :'start'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
), groups AS (
    SELECT author_id, category, count(*) AS posts, sum(y) AS engagements, sum(y * y) AS squares
      FROM earned
     GROUP BY author_id, category
), tagged AS (
    SELECT author_id, category, 'tag:' || tag AS feature, count(*) AS posts,
           sum(y) AS engagements, sum(y * y) AS squares
      FROM earned
     CROSS JOIN LATERAL (SELECT DISTINCT unnest(tags)) AS t (tag)
     GROUP BY author_id, category, tag
)
SELECT author_id, category, f.feature, avg(f.x) AS x, count(*) AS posts,
       sum(y) AS engagements, sum(y * y) AS squares
  FROM earned
 CROSS JOIN LATERAL (VALUES
       ('media',          has_media::int,          has_media::int::float8),
       ('promoted',       is_promoted::int,        is_promoted::int::float8),
       ('title_length',   length(title) / 10,      length(title)::float8),
       ('content_length', content_length / 1000,   content_length::float8),
       ('age',            0, extract(epoch FROM :'end'::timestamptz - publish_timestamp)::float8
                             / 86400)) AS f (feature, level, x)
 GROUP BY author_id, category, f.feature, f.level
UNION ALL
SELECT author_id, category, feature, 1, posts, engagements, squares
  FROM tagged
UNION ALL
SELECT author_id, category, t.feature, 0, g.posts - t.posts, g.engagements - t.engagements,
       g.squares - t.squares
  FROM tagged AS t
  JOIN groups AS g USING (author_id, category)
 WHERE g.posts > t.posts
 ORDER BY feature, author_id, category, x;
