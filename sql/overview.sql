-- overview: how much engagement was there, and how much in the period before?
--
-- :start       timestamptz        start of the period
-- :end         timestamptz        end of the period, exclusive
-- :before      timestamptz        start of the comparison period, not after :start
-- :before_end  timestamptz        end of the comparison period, exclusive
-- :types       engagement_type[]  event types that count
-- :category    text               category of the posts; empty: any
-- :author      bigint             author of the posts; 0: any
-- :tag         text               tag of the posts; empty: any
-- :promoted    boolean            only promoted posts, or only the others; null: both
--
-- Two rows, that of the period (is_previous false) first. Counts of posts in the catalogue.
WITH chosen AS (
    SELECT post_id, publish_timestamp
      FROM matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
), seen AS (
    -- Each row is read once, for what is distinct as for what adds up. absent: a bit a column.
    SELECT e.engaged_timestamp < :'start'::timestamptz AS is_previous,
           type, post_id, user_id, count(*) AS events, grouping(type, post_id, user_id) AS absent
      FROM engagements AS e
      JOIN chosen USING (post_id)
     WHERE e.engaged_timestamp >= :'before'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
       AND (e.engaged_timestamp >= :'start'::timestamptz
            OR e.engaged_timestamp < :'before_end'::timestamptz)
       AND e.type = ANY (:'types'::engagement_type[])
     GROUP BY 1, GROUPING SETS (type, post_id, user_id)
), counted AS (
    SELECT is_previous,
           sum(events) FILTER (WHERE type = 'view')           AS views,
           sum(events) FILTER (WHERE type = 'like')           AS likes,
           sum(events) FILTER (WHERE type = 'comment')        AS comments,
           sum(events) FILTER (WHERE type = 'share')          AS shares,
           sum(events) FILTER (WHERE absent = 3)    AS total_engagements,
           count(*)       FILTER (WHERE absent = 5) AS posts_engaged,
           count(user_id) FILTER (WHERE absent = 6) AS active_users
      FROM seen
     GROUP BY is_previous
), published AS (
    SELECT publish_timestamp < :'start'::timestamptz AS is_previous, count(*) AS posts_published
      FROM chosen
     WHERE publish_timestamp >= :'before'::timestamptz
       AND publish_timestamp < :'end'::timestamptz
       AND (publish_timestamp >= :'start'::timestamptz
            OR publish_timestamp < :'before_end'::timestamptz)
     GROUP BY 1
)
SELECT is_previous,
       coalesce(views, 0)::bigint AS views, coalesce(likes, 0)::bigint AS likes,
       coalesce(comments, 0)::bigint AS comments, coalesce(shares, 0)::bigint AS shares,
       coalesce(total_engagements, 0)::bigint AS total_engagements,
       coalesce(posts_engaged, 0) AS posts_engaged,
       coalesce(active_users, 0) AS active_users,
       coalesce(posts_published, 0) AS posts_published
  FROM (VALUES (false), (true)) AS periods (is_previous)
  LEFT JOIN counted USING (is_previous)
  LEFT JOIN published USING (is_previous)
 ORDER BY is_previous;
