-- loyalty: how many users are new, how many return, and how many are loyal?
--
-- :since        timestamptz        start of the 28 days before the period
-- :start        timestamptz        start of the period
-- :end          timestamptz        end of the period, exclusive
-- :loyal_since  timestamptz        start of the last 28 days of the period's end
-- :least        int                days with engagement in these from which on a user is loyal
-- :zone         text               time zone of days
-- :types        engagement_type[]  event types that count
-- :category     text               category of the posts; empty: any
-- :author       bigint             author of the posts; 0: any
-- :tag          text               tag of the posts; empty: any
-- :promoted     boolean            only promoted posts, or only the others; null: both
--
-- One row. active_users: with engagement in the period. new_users: of these, those without any in the
-- 28 days before; returning_users: the others. loyal_users: with engagement on :least days or more.
WITH seen AS (
    SELECT e.user_id, (e.engaged_timestamp AT TIME ZONE :'zone'::text)::date AS day,
           bool_or(e.engaged_timestamp >= :'start'::timestamptz) AS is_now,
           bool_or(e.engaged_timestamp < :'start'::timestamptz) AS is_before,
           bool_or(e.engaged_timestamp >= :'loyal_since'::timestamptz) AS is_recent
      FROM engagements AS e
      JOIN matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           USING (post_id)
     WHERE e.engaged_timestamp >= least(:'since'::timestamptz, :'loyal_since'::timestamptz)
       AND e.engaged_timestamp < :'end'::timestamptz
       AND e.user_id IS NOT NULL
       AND e.type = ANY (:'types'::engagement_type[])
     GROUP BY 1, 2
), of_user AS (
    SELECT bool_or(is_now) AS is_active, bool_or(is_before) AS was_active,
           count(*) FILTER (WHERE is_recent) AS days
      FROM seen
     GROUP BY user_id
)
SELECT count(*) FILTER (WHERE is_active)                    AS active_users,
       count(*) FILTER (WHERE is_active AND NOT was_active) AS new_users,
       count(*) FILTER (WHERE is_active AND was_active)     AS returning_users,
       count(*) FILTER (WHERE days >= :least::int)          AS loyal_users
  FROM of_user;
