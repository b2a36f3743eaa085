-- series: how did engagement go, hour by hour, day by day or week by week?
--
-- :start     timestamptz        the period's begin, at a full quarter of an hour
-- :end       timestamptz        and its end, which is no part of it
-- :known     timestamptz        where nothing but types is chosen the begin of the quarter of an hour
--                               in which the period ends, as those before are known; else its begin
-- :interval  text               hour, day or week (from Monday on)
-- :zone      text               the zone that days and weeks are of
-- :types     engagement_type[]  of these types
-- :category  text               of posts of this category; empty: of any
-- :author    bigint             of posts of this author; 0: of any
-- :tag       text               of posts with this tag; empty: of any
-- :promoted  boolean            of promoted posts, or of the others; null: of both
-- :post      bigint             of this post; 0: of any
--
-- One row an interval that the period touches, in their order. Those without engagements have zeros,
-- or nulls where engagement was not recorded yet. The first and the last may be cut by the period.
WITH typed AS (
    SELECT q.quarter, t.type, t.events
      FROM quarter_hours AS q
     CROSS JOIN LATERAL (VALUES ('view'::engagement_type, q.views), ('like', q.likes),
                                ('comment', q.comments), ('share', q.shares)) AS t (type, events)
     WHERE q.quarter >= :'start'::timestamptz
       AND q.quarter < :'known'::timestamptz
       AND (q.quarter AT TIME ZONE 'UTC')::date NOT IN (SELECT day FROM expired_partitions)
    UNION ALL
    -- These hold posts that are not in the catalogue as well.
    SELECT e.quarter, e.type, -e.events
      FROM post_totals AS unknown
     CROSS JOIN LATERAL (
           SELECT date_bin('15 minutes', engaged_timestamp, 'epoch'::timestamptz) AS quarter,
                  type, count(*) AS events
             FROM engagements
            WHERE post_id = unknown.post_id
              AND engaged_timestamp >= :'start'::timestamptz
              AND engaged_timestamp < :'known'::timestamptz
            GROUP BY 1, 2) AS e
     WHERE NOT EXISTS (SELECT FROM posts AS p WHERE p.post_id = unknown.post_id)
    UNION ALL
    SELECT date_bin('15 minutes', e.engaged_timestamp, 'epoch'::timestamptz), e.type, count(*)
      FROM engagements AS e
      JOIN chosen_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           AS p USING (post_id)
     WHERE e.engaged_timestamp >= :'known'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
       AND (:post::bigint = 0 OR e.post_id = :post::bigint)
     GROUP BY 1, 2
), quarters AS (
    SELECT quarter,
           sum(events) FILTER (WHERE type = 'view')    AS views,
           sum(events) FILTER (WHERE type = 'like')    AS likes,
           sum(events) FILTER (WHERE type = 'comment') AS comments,
           sum(events) FILTER (WHERE type = 'share')   AS shares,
           sum(events)                                 AS total_engagements
      FROM typed
     WHERE type = ANY (:'types'::engagement_type[])
     GROUP BY quarter
), counted AS (
    -- Zone offsets are multiples of a quarter of an hour; a zone's calendar is dear to ask.
    SELECT date_trunc(:'interval'::text, quarter, :'zone'::text) AS start,
           coalesce(sum(views), 0)::bigint AS views, coalesce(sum(likes), 0)::bigint AS likes,
           coalesce(sum(comments), 0)::bigint AS comments, coalesce(sum(shares), 0)::bigint AS shares,
           sum(total_engagements)::bigint AS total_engagements
      FROM quarters
     GROUP BY 1
)
SELECT start,
       coalesce(views, f.nothing) AS views, coalesce(likes, f.nothing) AS likes,
       coalesce(comments, f.nothing) AS comments, coalesce(shares, f.nothing) AS shares,
       coalesce(total_engagements, f.nothing) AS total_engagements
  FROM generate_series(date_trunc(:'interval'::text, :'start'::timestamptz, :'zone'::text),
                       :'end'::timestamptz - interval '1 microsecond',
                       ('1 ' || :'interval'::text)::interval, :'zone'::text) AS start
  LEFT JOIN counted USING (start)
 CROSS JOIN LATERAL (
       SELECT CASE WHEN date_add(start, ('1 ' || :'interval'::text)::interval, :'zone'::text)
                        > recorded_since THEN 0 END AS nothing
         FROM first_hours_state) AS f
 ORDER BY start;
