-- fair_authors: what did each author's posts earn, and what do posts of their categories earn?
--
-- :hours       int                hours of a post's life that count, one of compared_ages()
-- :start       timestamptz        start of the publication period
-- :end         timestamptz        end of the publication period, exclusive
-- :before      timestamptz        start of the comparison period, not after :start
-- :before_end  timestamptz        end of the comparison period, exclusive
-- :types       engagement_type[]  event types that count
-- :category    text               category of the posts; empty: any
-- :tag         text               tag of the posts; empty: any
-- :promoted    boolean            only promoted posts, or only the others; null: both
--
-- One row per author and period with posts that are old enough. With y what a post earned and e the
-- mean of the other authors' posts of its category and period, sums of y, e, y^2, y e and e^2.
-- by_posts, by_events: sums over categories of the square of what is expected there, over the number
-- of the others' posts and over their engagements. Categories in which the others have no engagement
-- at that age are left out.
WITH earned AS (
    SELECT author_id, category, publish_timestamp,
           publish_timestamp < :'start'::timestamptz AS is_previous, engagements::float8 AS y
      FROM posts_at_age(:'category'::text, 0, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[])
     WHERE publish_timestamp >= :'before'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
       AND (publish_timestamp >= :'start'::timestamptz
            OR publish_timestamp < :'before_end'::timestamptz)
), of_author AS (
    SELECT author_id, category, is_previous, min(publish_timestamp) AS first_published,
           count(*) AS posts, sum(y) AS y, sum(y * y) AS squares
      FROM earned
     GROUP BY author_id, category, is_previous
), others AS (
    SELECT *, sum(posts) OVER every - posts AS others_posts, sum(y) OVER every - y AS others_y
      FROM of_author
    WINDOW every AS (PARTITION BY is_previous, category)
), expected AS (
    SELECT *, others_y / others_posts::float8 AS e
      FROM others
     WHERE others_posts > 0 AND others_y > 0
)
SELECT a.author_id, a.name AS author_name, a.author_category AS category, x.is_previous,
       min(x.first_published) AS first_published,
       sum(x.posts)::bigint AS posts, sum(x.y) AS observed, sum(x.posts * x.e) AS expected,
       sum(x.squares) AS observed_squares, sum(x.y * x.e) AS products,
       sum(x.posts * x.e ^ 2) AS expected_squares,
       sum((x.posts * x.e) ^ 2 / x.others_posts::float8) AS by_posts,
       sum((x.posts * x.e) ^ 2 / x.others_y) AS by_events
  FROM expected AS x
  JOIN authors AS a USING (author_id)
 GROUP BY a.author_id, x.is_previous
 ORDER BY a.author_id, x.is_previous;
