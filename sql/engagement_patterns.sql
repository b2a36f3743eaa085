-- engagement_patterns: at which hours of which weekdays is engagement high?
--
-- :since  timestamptz  engagements from here on, a multiple of 15 minutes
-- :zone   text         the zone hours and weekdays are counted in
--
-- One row an hour x weekday that was seen, Sunday (0) first. posts_engaged and active_users are
-- true distinct counts, so they do not add up over rows. hours: how long the hour lasted from the
-- first to the last engagement, without expired days and recording gaps.
WITH buckets AS MATERIALIZED (
    -- Zone offsets are multiples of a quarter of an hour, so that each is in one cell.
    SELECT bucket, views, likes, comments, shares, hour_of_week,
           B'1'::bit(168) >> hour_of_week AS cells
      FROM catalogue_engagements_15m(:'since'::timestamptz, 'infinity')
     CROSS JOIN LATERAL (SELECT bucket AT TIME ZONE :'zone'::text) AS l (local)
     CROSS JOIN LATERAL (SELECT (24 * date_part('dow', local) + date_part('hour', local))::int)
           AS h (hour_of_week)
     -- Rollups outlive their events: leave out expired days.
     WHERE (bucket AT TIME ZONE 'UTC')::date IN (SELECT day FROM engagement_partitions)
), seen AS (
    -- A group a post or user, with a bit a cell, is far less to keep than a group a cell of each.
    SELECT post_id, user_id, bit_or(cells) AS cells
      FROM engagements
      JOIN posts USING (post_id)
      JOIN buckets ON bucket = date_bin('15 minutes', engaged_timestamp, 'epoch'::timestamptz)
     WHERE engaged_timestamp >= :'since'::timestamptz
     GROUP BY GROUPING SETS (post_id, user_id)
), octets AS (
    -- Many have the same eight bits, which are then looked at once.
    SELECT octet, substring(cells FROM 8 * octet + 1 FOR 8)::int AS bits,
           count(post_id) AS posts, count(user_id) AS users
      FROM seen
     CROSS JOIN generate_series(0, 20) AS octet
     GROUP BY octet, bits
), counted AS (
    SELECT 8 * octet + bit AS hour_of_week,
           sum(posts)::bigint AS posts_engaged, sum(users)::bigint AS active_users
      FROM octets
     CROSS JOIN generate_series(0, 7) AS bit
     WHERE bits >> 7 - bit & 1 = 1
     GROUP BY octet, bit
), summed AS (
    SELECT hour_of_week, sum(views)::bigint AS views, sum(likes)::bigint AS likes,
           sum(comments)::bigint AS comments, sum(shares)::bigint AS shares,
           sum(views + likes + comments + shares)::bigint AS total_engagements
      FROM buckets
     GROUP BY hour_of_week
), occurred AS (
    SELECT hour_of_week, count(*) / 4.0 AS hours
      FROM (SELECT min(bucket) AS first, max(bucket) AS last FROM buckets) AS s
     CROSS JOIN LATERAL generate_series(first, last, '15 minutes') AS q (bucket)
     CROSS JOIN LATERAL (SELECT q.bucket AT TIME ZONE :'zone'::text) AS l (local)
     CROSS JOIN LATERAL (SELECT (24 * date_part('dow', local) + date_part('hour', local))::int)
           AS h (hour_of_week)
     WHERE ((q.bucket AT TIME ZONE 'UTC')::date NOT IN (SELECT day FROM expired_partitions)
            OR (q.bucket AT TIME ZONE 'UTC')::date IN (SELECT day FROM engagement_partitions))
       AND NOT EXISTS (
           SELECT FROM recording_gaps
            WHERE q.bucket >= start_timestamp AND q.bucket < end_timestamp)
     GROUP BY hour_of_week
)
SELECT hour_of_week % 24 AS hour_of_day, hour_of_week / 24 AS day_of_week,
       (ARRAY['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'])
           [hour_of_week / 24 + 1] AS day_name,
       views, likes, comments, shares, total_engagements, posts_engaged, active_users,
       round(total_engagements::numeric / posts_engaged, 2)::float8 AS avg_engagement_per_post,
       round(100.0 * total_engagements / sum(total_engagements) OVER (), 2)::float8
           AS pct_of_total_engagement,
       hours::float8 AS hours,
       round(total_engagements / hours, 2)::float8 AS engagements_per_hour
  FROM summed
  JOIN counted USING (hour_of_week)
  JOIN occurred USING (hour_of_week)
 ORDER BY hour_of_week;
