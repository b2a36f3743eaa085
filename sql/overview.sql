-- overview: how much engagement was there, and how much in the period before?
--
-- :start       timestamptz        the period's begin
-- :end         timestamptz        and its end, which is no part of it
-- :before      timestamptz        the begin of the period it is compared with, not after :start
-- :before_end  timestamptz        and its end, likewise
-- :types       engagement_type[]  of these types
-- :category    text               of posts of this category; empty: of any
-- :author      bigint             of posts of this author; 0: of any
-- :tag         text               of posts with this tag; empty: of any
-- :promoted    boolean            of promoted posts, or of the others; null: of both
--
-- Two rows, that of the period (is_previous false) first. Counts of posts in the catalogue.
WITH chosen AS (
    SELECT post_id, publish_timestamp
      FROM chosen_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
), counted AS (
    SELECT e.engaged_timestamp < :'start'::timestamptz AS is_previous,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares,
           count(*)                                 AS total_engagements,
           count(DISTINCT post_id)                  AS posts_engaged,
           count(DISTINCT user_id)                  AS active_users
      FROM engagements AS e
      JOIN chosen USING (post_id)
     WHERE e.engaged_timestamp >= :'before'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
       AND (e.engaged_timestamp >= :'start'::timestamptz
            OR e.engaged_timestamp < :'before_end'::timestamptz)
       AND e.type = ANY (:'types'::engagement_type[])
     GROUP BY 1
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
       coalesce(views, 0) AS views, coalesce(likes, 0) AS likes,
       coalesce(comments, 0) AS comments, coalesce(shares, 0) AS shares,
       coalesce(total_engagements, 0) AS total_engagements,
       coalesce(posts_engaged, 0) AS posts_engaged,
       coalesce(active_users, 0) AS active_users,
       coalesce(posts_published, 0) AS posts_published
  FROM (VALUES (false), (true)) AS periods (is_previous)
  LEFT JOIN counted USING (is_previous)
  LEFT JOIN published USING (is_previous)
 ORDER BY is_previous;
