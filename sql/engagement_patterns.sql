-- engagement_patterns: at which hours of which weekdays is engagement high?
--
-- :since  timestamptz  engagements from here on
-- :zone   text         the zone hours and weekdays are counted in
--
-- One row an hour x weekday that was seen, Sunday (0) first. posts_engaged and active_users are
-- true distinct counts, so they do not add up over rows.
WITH cells AS (
    SELECT extract(hour FROM engaged_timestamp AT TIME ZONE :'zone'::text)::int AS hour_of_day,
           extract(dow  FROM engaged_timestamp AT TIME ZONE :'zone'::text)::int AS day_of_week,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares,
           count(*)                                 AS total_engagements,
           count(DISTINCT post_id)                  AS posts_engaged,
           count(DISTINCT user_id)                  AS active_users
      FROM engagements
     WHERE engaged_timestamp >= :'since'::timestamptz
     GROUP BY 1, 2
)
SELECT hour_of_day, day_of_week,
       (ARRAY['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'])
           [day_of_week + 1] AS day_name,
       views, likes, comments, shares, total_engagements, posts_engaged, active_users,
       round(total_engagements::numeric / posts_engaged, 2)::float8 AS avg_engagement_per_post,
       round(100.0 * total_engagements / sum(total_engagements) OVER (), 2)::float8
           AS pct_of_total_engagement
  FROM cells
 ORDER BY day_of_week, hour_of_day;
