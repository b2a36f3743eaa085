-- series: how did engagement develop, by hour, day or week of a time zone?
--
-- :start     timestamptz        start of the period, at a full quarter of an hour
-- :end       timestamptz        end of the period, exclusive
-- :known     timestamptz        start of the quarter of an hour of :end if only types are
--                               filtered, as the rollup has those before; else :start
-- :bounds    timestamptz[]      starts of the intervals, and the end of the last one, ascending:
--                               the first may start before the period, the last end after it
-- :types     engagement_type[]  event types that count
-- :category  text               category of the posts; empty: any
-- :author    bigint             author of the posts; 0: any
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
-- :post      bigint             ID of the post; 0: any
--
-- One row per interval that the period touches, in their order. Those without engagements have zeros,
-- or nulls where engagement was not recorded. The first and the last may be cut by the period.
WITH typed AS (
    SELECT q.bucket, t.type, t.events
      FROM catalogue_engagements_15m(:'start'::timestamptz, :'known'::timestamptz) AS q
     CROSS JOIN LATERAL (VALUES ('view'::engagement_type, q.views), ('like', q.likes),
                                ('comment', q.comments), ('share', q.shares)) AS t (type, events)
     WHERE (q.bucket AT TIME ZONE 'UTC')::date NOT IN (SELECT day FROM expired_partitions)
    UNION ALL
    -- Of a day that was restored in part, the rollup counts events that are still in the archive.
    SELECT e.bucket, e.type, e.events
      FROM expired_partitions AS x
      JOIN engagement_partitions USING (day)
     CROSS JOIN LATERAL (
           SELECT date_bin('15 minutes', engaged_timestamp, 'epoch'::timestamptz) AS bucket,
                  type, count(*) AS events
             FROM engagements
             JOIN posts USING (post_id)
            WHERE engaged_timestamp >= greatest(x.day::timestamp AT TIME ZONE 'UTC',
                                                :'start'::timestamptz)
              AND engaged_timestamp < least((x.day + 1)::timestamp AT TIME ZONE 'UTC',
                                            :'known'::timestamptz)
            GROUP BY 1, 2) AS e
    UNION ALL
    SELECT date_bin('15 minutes', e.engaged_timestamp, 'epoch'::timestamptz), e.type, count(*)
      FROM engagements AS e
      JOIN matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           AS p USING (post_id)
     WHERE e.engaged_timestamp >= :'known'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
       AND (:post::bigint = 0 OR e.post_id = :post::bigint)
     GROUP BY 1, 2
), buckets AS (
    SELECT bucket,
           sum(events) FILTER (WHERE type = 'view')    AS views,
           sum(events) FILTER (WHERE type = 'like')    AS likes,
           sum(events) FILTER (WHERE type = 'comment') AS comments,
           sum(events) FILTER (WHERE type = 'share')   AS shares,
           sum(events)                                 AS total_engagements
      FROM typed
     WHERE type = ANY (:'types'::engagement_type[])
     GROUP BY bucket
), counted AS (
    SELECT greatest(width_bucket(bucket, :'bounds'::timestamptz[]), 1) AS place,
           coalesce(sum(views), 0)::bigint AS views, coalesce(sum(likes), 0)::bigint AS likes,
           coalesce(sum(comments), 0)::bigint AS comments, coalesce(sum(shares), 0)::bigint AS shares,
           sum(total_engagements)::bigint AS total_engagements
      FROM buckets
     GROUP BY 1
), intervals AS (
    SELECT place, start, lead(start) OVER (ORDER BY place) AS until
      FROM unnest(:'bounds'::timestamptz[]) WITH ORDINALITY AS i (start, place)
)
SELECT start,
       coalesce(views, f.nothing) AS views, coalesce(likes, f.nothing) AS likes,
       coalesce(comments, f.nothing) AS comments, coalesce(shares, f.nothing) AS shares,
       coalesce(total_engagements, f.nothing) AS total_engagements
  FROM intervals
  LEFT JOIN counted USING (place)
 CROSS JOIN LATERAL (
       SELECT CASE WHEN until > recorded_since AND NOT EXISTS (
                        SELECT FROM recording_gaps
                         WHERE start_timestamp <= start AND end_timestamp >= until) THEN 0 END
              AS nothing
         FROM first_hours_state) AS f
 WHERE until IS NOT NULL
 ORDER BY place;
