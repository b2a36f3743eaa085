-- returning_users: do the users who come first to a post, an author or a category come back?
--
-- :dimension  text               post, author or category
-- :since      timestamptz        start of the 28 days before the period
-- :start      timestamptz        start of the period
-- :end        timestamptz        end of the period, exclusive
-- :zone       text               time zone of days
-- :types      engagement_type[]  event types that count
-- :category   text               category of the posts; empty: any
-- :author     bigint             author of the posts; 0: any
-- :tag        text               tag of the posts; empty: any
-- :promoted   boolean            only promoted posts, or only the others; null: both
-- :least      int                minimum new users of a row
-- :limit      int                maximum rows
--
-- One row per key with enough new users: those whose first engagement since :since was with it, in the
-- period and at least seven days before its end. returned: those with engagement, with any post,
-- on a later day and less than seven days after the first. Highest lower end of Wilson's interval
-- first.
WITH seen AS (
    SELECT e.user_id, e.post_id, e.engaged_timestamp AS at
      FROM engagements AS e
      JOIN matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           USING (post_id)
     WHERE e.engaged_timestamp >= :'since'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
       AND e.user_id IS NOT NULL
       AND e.type = ANY (:'types'::engagement_type[])
), first AS (
    SELECT *
      FROM (SELECT DISTINCT ON (user_id) user_id, post_id, at
              FROM seen
             ORDER BY user_id, at, post_id) AS s
     WHERE at >= :'start'::timestamptz
       AND at <= :'end'::timestamptz - interval '168 hours'
), back AS (
    SELECT DISTINCT f.user_id
      FROM first AS f
      JOIN seen AS s USING (user_id)
     WHERE s.at < f.at + interval '168 hours'
       AND (s.at AT TIME ZONE :'zone'::text)::date > (f.at AT TIME ZONE :'zone'::text)::date
), counted AS (
    SELECT CASE :'dimension'::text WHEN 'post'   THEN p.post_id::text
                                   WHEN 'author' THEN p.author_id::text
                                   ELSE p.category END AS key,
           min(p.post_id) AS post_id, min(p.author_id) AS author_id,
           count(*)::float8 AS n, count(b.user_id)::float8 AS k
      FROM first AS f
      JOIN posts AS p USING (post_id)
      LEFT JOIN back AS b USING (user_id)
     GROUP BY 1
    HAVING count(*) >= :least::int
), ends AS (
    SELECT *, (k + 1.96 ^ 2 / 2) / (n + 1.96 ^ 2) AS middle,
           1.96 / (n + 1.96 ^ 2) * sqrt(k * (n - k) / n + 1.96 ^ 2 / 4) AS reach
      FROM counted
)
SELECT e.key,
       CASE :'dimension'::text WHEN 'post' THEN p.title WHEN 'author' THEN a.name ELSE e.key END
           AS label,
       e.n::bigint AS new_users, e.k::bigint AS returned, 100 * e.k / e.n AS return_pct,
       100 * greatest(e.middle - e.reach, 0) AS low_pct, 100 * least(e.middle + e.reach, 1) AS high_pct
  FROM ends AS e
  JOIN authors AS a USING (author_id)
  JOIN posts AS p ON p.post_id = e.post_id
 ORDER BY low_pct DESC, e.key
 LIMIT :limit::int;
