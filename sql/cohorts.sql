-- cohorts: what did posts of new and of established authors earn, month by month?
--
-- :hours     int                hours of a post's life that count, one of compared_ages()
-- :zone      text               time zone of months
-- :start     timestamptz        start of the publication period
-- :end       timestamptz        end of the publication period, exclusive
-- :types     engagement_type[]  event types that count
-- :category  text               category of the posts; empty: any
-- :author    bigint             the only new author; 0: any
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
--
-- One row per author, category and calendar month of publishing; of authors who joined in the
-- period also per month since joining (0: the first 30 days), without posts published before. With
-- y what a post earned, sums of y and y^2. joined: month of joining; joined, month: null if the author
-- joined before the period.
WITH earned AS (
    SELECT p.author_id, p.category, p.engagements::float8 AS y, a.joined_date,
           (p.publish_timestamp AT TIME ZONE :'zone'::text)::date AS published,
           a.joined_date >= (:'start'::timestamptz AT TIME ZONE :'zone'::text)::date AS is_new
      FROM posts_at_age(:'category'::text, 0, :'tag'::text, :promoted::boolean,
                        :hours::int, :'types'::engagement_type[]) AS p
      JOIN authors AS a USING (author_id)
     WHERE p.publish_timestamp >= :'start'::timestamptz
       AND p.publish_timestamp < :'end'::timestamptz
)
SELECT author_id, category, date_trunc('month', published)::date AS calendar_month,
       CASE WHEN is_new THEN to_char(joined_date, 'YYYY-MM') END AS joined,
       CASE WHEN is_new THEN (published - joined_date) / 30 END AS month,
       count(*) AS posts, sum(y) AS engagements, sum(y * y) AS squares
  FROM earned
 WHERE NOT is_new
    OR (published >= joined_date AND :author::bigint IN (0, author_id))
 GROUP BY 1, 2, 3, 4, 5
 ORDER BY joined, month, author_id, category, calendar_month;
