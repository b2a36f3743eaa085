-- cohorts: do authors' posts do better with the months since they joined?
--
-- :by        text               tenure (all authors together) or joined (by month of joining)
-- :hours     int                of a post's life that count, one of compared_ages()
-- :zone      text               the zone months are counted in
-- :start     timestamptz        posts published from here on
-- :end       timestamptz        and before
-- :types     engagement_type[]  engagements of these types
-- :category  text               of posts of this category; empty: of any
-- :author    bigint             of posts of this author; 0: of any
-- :tag       text               of posts with this tag; empty: of any
-- :promoted  boolean            of promoted posts, or of the others; null: of both
--
-- One row a month since joining (0: the first 30 days) of those authors who joined in the period,
-- and if they are told apart of each month of joining. With y what a post earned and e the mean of
-- all posts of its category published in the same calendar month, sums of y, e, y^2, y e and e^2.
WITH earned AS (
    SELECT author_id, category, engagements::float8 AS y,
           (publish_timestamp AT TIME ZONE :'zone'::text)::date AS published
      FROM posts_at_age(:'category'::text, 0, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[])
     WHERE publish_timestamp >= :'start'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
), expected AS (
    SELECT *, avg(y) OVER (PARTITION BY category, date_trunc('month', published)) AS e
      FROM earned
), dated AS (
    SELECT x.*, (x.published - a.joined_date) / 30 AS month,
           CASE WHEN :'by'::text = 'joined' THEN to_char(a.joined_date, 'YYYY-MM') END AS joined
      FROM expected AS x
      JOIN authors AS a USING (author_id)
     WHERE a.joined_date >= (:'start'::timestamptz AT TIME ZONE :'zone'::text)::date
       AND x.published >= a.joined_date
       AND x.e > 0
       AND :author::bigint IN (0, x.author_id)
)
SELECT joined, month, count(DISTINCT author_id) AS authors, count(*) AS posts,
       sum(y) AS observed, sum(e) AS expected,
       sum(y * y) AS observed_squares, sum(y * e) AS products, sum(e * e) AS expected_squares
  FROM dated
 GROUP BY joined, month
 ORDER BY joined, month;
