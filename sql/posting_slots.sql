-- posting_slots: how do posts do by the hour and weekday at which they are published?
--
-- :hours     int                of a post's life that count, one of compared_ages()
-- :zone      text               the zone hours and weekdays are counted in
-- :start     timestamptz        posts published from here on
-- :end       timestamptz        and before
-- :types     engagement_type[]  engagements of these types
-- :category  text               of posts of this category; empty: of any
-- :author    bigint             of posts of this author; 0: of any
-- :tag       text               of posts with this tag; empty: of any
-- :promoted  boolean            of promoted posts, or of the others; null: of both
--
-- One row an hour x weekday with posts, Sunday (0) first. With y what a post earned, but no
-- more than the best of its author in its category did when the luckiest twentieth, at least one
-- post, is left out (or 5), and e the mean of the author's other posts there, sums of y, e, y^2,
-- y e and e^2. So one viral post makes no good hour.
-- An author's only post in a category is left out: there is nothing to compare it with.
WITH earned AS (
    SELECT author_id, category, engagements,
           publish_timestamp AT TIME ZONE :'zone'::text AS published
      FROM posts_at_age(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[])
     WHERE publish_timestamp >= :'start'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
), most AS (
    SELECT author_id, category,
           greatest((array_agg(engagements ORDER BY engagements))
                    [1 + floor(0.95 * (count(*) - 1))::int], 5)::float8 AS most
      FROM earned
     GROUP BY author_id, category
), capped AS (
    SELECT e.*, least(e.engagements, m.most) AS y
      FROM earned AS e
      JOIN most AS m USING (author_id, category)
), expected AS (
    SELECT published, y,
           (sum(y) OVER own - y) / nullif(count(*) OVER own - 1, 0) AS e
      FROM capped
    WINDOW own AS (PARTITION BY author_id, category)
)
SELECT extract(dow  FROM published)::int AS day_of_week,
       extract(hour FROM published)::int AS hour_of_day,
       count(*) AS posts, sum(y) AS observed, sum(e) AS expected,
       sum(y * y) AS observed_squares, sum(y * e) AS products, sum(e * e) AS expected_squares
  FROM expected
 WHERE e IS NOT NULL
 GROUP BY 1, 2
 ORDER BY 1, 2;
