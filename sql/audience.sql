-- audience: which readers engage, by segment or country?
--
-- :by          text               segment or country
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
-- One row per group, most engagement first. "anonymous": no user was named; "unknown": the user is
-- not in the catalogue, or without a country.
WITH per_user AS (
    SELECT e.user_id, e.engaged_timestamp >= :'start'::timestamptz AS is_now,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares,
           count(*)                                 AS total
      FROM engagements AS e
      JOIN matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           USING (post_id)
     WHERE e.engaged_timestamp >= :'before'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
       AND (e.engaged_timestamp >= :'start'::timestamptz
            OR e.engaged_timestamp < :'before_end'::timestamptz)
       AND e.type = ANY (:'types'::engagement_type[])
     GROUP BY 1, 2
), grouped AS (
    SELECT CASE WHEN e.user_id IS NULL THEN 'anonymous'
                ELSE coalesce(CASE :'by'::text WHEN 'segment' THEN u.user_segment
                                               WHEN 'country' THEN u.country END, 'unknown')
           END AS key, e.*
      FROM per_user AS e
      LEFT JOIN users AS u USING (user_id)
)
SELECT key,
       count(*) FILTER (WHERE is_now AND user_id IS NOT NULL)    AS active_users,
       coalesce(sum(views)    FILTER (WHERE is_now), 0)::bigint  AS views,
       coalesce(sum(likes)    FILTER (WHERE is_now), 0)::bigint  AS likes,
       coalesce(sum(comments) FILTER (WHERE is_now), 0)::bigint  AS comments,
       coalesce(sum(shares)   FILTER (WHERE is_now), 0)::bigint  AS shares,
       coalesce(sum(total)    FILTER (WHERE is_now), 0)::bigint  AS total_engagements,
       coalesce(sum(total)    FILTER (WHERE NOT is_now), 0)::bigint AS previous_engagements
  FROM grouped
 GROUP BY key
 ORDER BY total_engagements DESC, key COLLATE "C";
