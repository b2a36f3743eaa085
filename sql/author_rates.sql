-- author_rates: which authors get fewer views, and fewer likes, comments and shares per view?
--
-- :hours     int          hours of a post's life that count, one of compared_ages()
-- :start     timestamptz  start of the publication period
-- :end       timestamptz  end of the publication period, exclusive
-- :category  text         category of the posts; empty: any
-- :tag       text         tag of the posts; empty: any
-- :promoted  boolean      only promoted posts, or only the others; null: both
--
-- One row per author and type. With y a post's engagements of the type, x its size (1 for view, its
-- views for the others), and e = x times the other authors' sum of y over that of x in the category:
-- sums of views, y, e, y^2, y e and e^2. by_posts, by_events: sums over categories of the square of
-- what is expected there, over the number of the others' posts and over their engagements.
-- Categories in which the others have no engagement of the type are left out.
WITH earned AS (
    SELECT p.author_id, p.category, p.views::float8 AS views, t.type, t.y::float8 AS y,
           CASE t.type WHEN 'view' THEN 1 ELSE p.views END::float8 AS x
      FROM posts_at_age(:'category'::text, 0, :'tag'::text, :promoted::boolean, :hours::int,
                        '{view,like,comment,share}') AS p
     CROSS JOIN LATERAL (VALUES ('view', p.views), ('like', p.likes), ('comment', p.comments),
                                ('share', p.shares)) AS t (type, y)
     WHERE p.publish_timestamp >= :'start'::timestamptz
       AND p.publish_timestamp < :'end'::timestamptz
), of_author AS (
    SELECT author_id, category, type, sum(views) AS views, count(*) AS posts, sum(x) AS x,
           sum(y) AS y, sum(x * x) AS xx, sum(x * y) AS xy, sum(y * y) AS yy
      FROM earned
     GROUP BY author_id, category, type
), others AS (
    SELECT *, sum(posts) OVER every - posts AS others_posts, sum(y) OVER every - y AS others_y,
           sum(x) OVER every - x AS others_x
      FROM of_author
    WINDOW every AS (PARTITION BY category, type)
), expected AS (
    SELECT *, others_y / nullif(others_x, 0) AS rate
      FROM others
     WHERE others_y > 0 AND x > 0
)
SELECT author_id, type, sum(views) AS views, sum(posts)::bigint AS posts,
       sum(y) AS observed, sum(x * rate) AS expected,
       sum(yy) AS observed_squares, sum(xy * rate) AS products, sum(xx * rate ^ 2) AS expected_squares,
       sum((x * rate) ^ 2 / others_posts::float8) AS by_posts,
       sum((x * rate) ^ 2 / others_y) AS by_events
  FROM expected
 WHERE rate > 0
 GROUP BY author_id, type
 ORDER BY author_id, type;
