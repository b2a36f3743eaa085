-- posting_slots: how does engagement depend on the hour and weekday of publication?
--
-- :hours     int                hours of a post's life that count, one of compared_ages()
-- :zone      text               time zone of hours, weekdays and months
-- :start     timestamptz        start of the publication period
-- :end       timestamptz        end of the publication period, exclusive
-- :types     engagement_type[]  event types that count
-- :category  text               category of the posts; empty: any
-- :author    bigint             author of the posts; 0: any
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
-- :factors   float8[]           what posts of each hour of the day earn, as a ratio; {}: all alike
--
-- With y what a post earned, but no more than the cut-off: relative to the factor of its hour, what
-- the best of its author in its category did when the luckiest twentieth, at least one post, is left
-- out (or 5). This is divided by the factor of its month: the ratio of what all posts of the month
-- earned to what their authors' posts in the category do on average.
-- A group is an author's posts in a category, with mean m and variance s2 of y. A group of one post
-- is left out: there is nothing to compare it with.
--
-- One row per pair of places. Places are the hours of the week (kind slot: 24 x weekday + hour,
-- Sunday is 0), the hours of the day (hour) and the weekdays (day); a slot is paired only with
-- itself, other pairs have other >= place. Of pairs of a place with itself: its posts, the sum of y
-- observed, and of m expected. Of all pairs: variance, the covariance of observed if each author's
-- posts were published in another order, and information, the same with m for s2.
WITH earned AS (
    SELECT author_id, category, engagements, published, date_trunc('month', published) AS month,
           coalesce((:'factors'::float8[])[1 + extract(hour FROM published)::int], 1) AS factor
      FROM posts_at_age(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[])
     CROSS JOIN LATERAL (SELECT publish_timestamp AT TIME ZONE :'zone'::text) AS l (published)
     WHERE publish_timestamp >= :'start'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
), most AS (
    SELECT author_id, category,
           greatest((array_agg(engagements / factor ORDER BY engagements / factor))
                    [1 + floor(0.95 * (count(*) - 1))::int], 5) AS most
      FROM earned
     GROUP BY author_id, category
    HAVING count(*) > 1
), capped AS (
    SELECT author_id, category, published, month, least(engagements, most * factor) AS y
      FROM earned
      JOIN most USING (author_id, category)
), months AS (
    SELECT month, coalesce(nullif(sum(y) / nullif(sum(m), 0), 0), 1) AS month_factor
      FROM (SELECT month, y, avg(y) OVER (PARTITION BY author_id, category) AS m
              FROM capped) AS c
     GROUP BY month
), adjusted AS (
    SELECT author_id, category, y / month_factor AS y, extract(hour FROM published)::int AS hour_of_day,
           extract(dow FROM published)::int AS day_of_week
      FROM capped
      JOIN months USING (month)
), groups AS (
    SELECT author_id, category, count(*)::float8 AS n, avg(y) AS m, var_samp(y) AS s2
      FROM adjusted
     GROUP BY author_id, category
), counted AS (
    SELECT author_id, category, kind, place, count(*)::float8 AS posts, sum(y) AS y
      FROM adjusted
     CROSS JOIN LATERAL (VALUES ('slot', 24 * day_of_week + hour_of_day), ('hour', hour_of_day),
                                ('day', day_of_week)) AS p (kind, place)
     GROUP BY author_id, category, kind, place
), paired AS (
    SELECT a.kind, a.place, b.place AS other, a.posts, a.y, g.m, g.s2,
           a.posts * ((a.place = b.place)::int - b.posts / g.n) AS scatter
      FROM counted AS a
      JOIN counted AS b USING (author_id, category, kind)
      JOIN groups AS g USING (author_id, category)
     WHERE b.place = a.place OR b.place > a.place AND a.kind <> 'slot'
)
SELECT kind, place, other, sum(posts)::bigint AS posts, sum(y) AS observed,
       sum(posts * m) AS expected, sum(s2 * scatter) AS variance, sum(m * scatter) AS information
  FROM paired
 GROUP BY kind, place, other
 ORDER BY kind, place, other;
