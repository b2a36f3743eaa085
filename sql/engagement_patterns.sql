-- engagement_patterns: at which hours of which weekdays is engagement high?
--
-- :since  timestamptz  engagements from here on
-- :zone   text         the zone hours and weekdays are counted in
--
-- One row an hour x weekday that was seen, Sunday (0) first. posts_engaged and active_users are
-- true distinct counts, so they do not add up over rows.
WITH quarters AS MATERIALIZED (
    -- Zone offsets are multiples of a quarter of an hour, so that each is in one cell.
    SELECT quarter,
           (24 * extract(dow FROM quarter AT TIME ZONE :'zone'::text)
               + extract(hour FROM quarter AT TIME ZONE :'zone'::text))::int AS hour_of_week
      FROM quarter_hours
     WHERE quarter >= :'since'::timestamptz
), seen AS (
    -- Each row is read once, for what is distinct as for what adds up.
    SELECT hour_of_week, type, post_id, user_id, count(*) AS events,
           grouping(type, post_id, user_id) AS absent
      FROM engagements
      JOIN quarters ON quarter = date_bin('15 minutes', engaged_timestamp, 'epoch'::timestamptz)
     WHERE engaged_timestamp >= :'since'::timestamptz
     GROUP BY GROUPING SETS ((hour_of_week, type), (hour_of_week, post_id), (hour_of_week, user_id))
), cells AS (
    SELECT hour_of_week % 24 AS hour_of_day, hour_of_week / 24 AS day_of_week,
           coalesce(sum(events) FILTER (WHERE type = 'view'), 0)::bigint    AS views,
           coalesce(sum(events) FILTER (WHERE type = 'like'), 0)::bigint    AS likes,
           coalesce(sum(events) FILTER (WHERE type = 'comment'), 0)::bigint AS comments,
           coalesce(sum(events) FILTER (WHERE type = 'share'), 0)::bigint   AS shares,
           (sum(events) FILTER (WHERE absent = b'011'::int))::bigint        AS total_engagements,
           count(*)       FILTER (WHERE absent = b'101'::int)               AS posts_engaged,
           count(user_id) FILTER (WHERE absent = b'110'::int)               AS active_users
      FROM seen
     GROUP BY hour_of_week
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
