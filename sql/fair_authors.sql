-- fair_authors: what did each author's posts earn, and what do posts of their categories earn?
--
-- :hours       int                of a post's life that count, one of compared_ages()
-- :start       timestamptz        posts published from here on
-- :end         timestamptz        and before
-- :before      timestamptz        the begin of the period it is compared with, not after :start
-- :before_end  timestamptz        and its end, likewise
-- :types       engagement_type[]  engagements of these types
-- :category    text               of posts of this category; empty: of any
-- :tag         text               of posts with this tag; empty: of any
-- :promoted    boolean            of promoted posts, or of the others; null: of both
--
-- One row an author and period with posts that are old enough. With y what a post earned and e the
-- mean of its category's posts of the same period, sums of y, e, y^2, y e and e^2. Categories that
-- earned nothing at that age say nothing.
WITH earned AS (
    SELECT author_id, category, publish_timestamp,
           publish_timestamp < :'start'::timestamptz AS is_previous, engagements::float8 AS y
      FROM posts_at_age(:'category'::text, 0, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[])
     WHERE publish_timestamp >= :'before'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
       AND (publish_timestamp >= :'start'::timestamptz
            OR publish_timestamp < :'before_end'::timestamptz)
), expected AS (
    SELECT *, avg(y) OVER (PARTITION BY is_previous, category) AS e
      FROM earned
)
SELECT a.author_id, a.name AS author_name, a.author_category AS category, x.is_previous,
       min(x.publish_timestamp) AS first_published,
       count(*) AS posts, sum(y) AS observed, sum(e) AS expected,
       sum(y * y) AS observed_squares, sum(y * e) AS products, sum(e * e) AS expected_squares
  FROM expected AS x
  JOIN authors AS a USING (author_id)
 WHERE x.e > 0
 GROUP BY a.author_id, x.is_previous
 ORDER BY a.author_id, x.is_previous;
