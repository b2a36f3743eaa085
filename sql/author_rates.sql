-- author_rates: which authors get fewer views, and fewer likes, comments and shares per view?
--
-- :hours     int          hours of a post's life that count, one of compared_ages()
-- :start     timestamptz  start of the publication period
-- :end       timestamptz  end of the publication period, exclusive
-- :category  text         category of the posts; empty: any
-- :tag       text         tag of the posts; empty: any
-- :promoted  boolean      only promoted posts, or only the others; null: both
--
-- One row per author and type. With y a post's engagements of the type, and e the category's mean
-- for view, and for the others the post's views x the category's engagements of the type a view:
-- sums of views, y, e, y^2, y e and e^2.
WITH earned AS (
    SELECT p.author_id, p.category, p.views::float8 AS views, t.type, t.y::float8 AS y
      FROM posts_at_age(:'category'::text, 0, :'tag'::text, :promoted::boolean, :hours::int,
                        '{view,like,comment,share}') AS p
     CROSS JOIN LATERAL (VALUES ('view', p.views), ('like', p.likes), ('comment', p.comments),
                                ('share', p.shares)) AS t (type, y)
     WHERE p.publish_timestamp >= :'start'::timestamptz
       AND p.publish_timestamp < :'end'::timestamptz
), expected AS (
    SELECT *, CASE type WHEN 'view' THEN avg(y) OVER every
                        ELSE views * sum(y) OVER every / nullif(sum(views) OVER every, 0) END AS e
      FROM earned
    WINDOW every AS (PARTITION BY category, type)
)
SELECT author_id, type, sum(views) AS views, count(*) AS posts,
       sum(y) AS observed, sum(e) AS expected,
       sum(y * y) AS observed_squares, sum(y * e) AS products, sum(e * e) AS expected_squares
  FROM expected
 WHERE e > 0
 GROUP BY author_id, type
 ORDER BY author_id, type;
