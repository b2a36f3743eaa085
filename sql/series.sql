-- series: how did engagement go, hour by hour, day by day or week by week?
--
-- :start     timestamptz        the period's begin
-- :end       timestamptz        and its end, which is no part of it
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
WITH quarters AS (
    SELECT date_bin('15 minutes', e.engaged_timestamp, 'epoch'::timestamptz) AS quarter,
           count(*) FILTER (WHERE type = 'view')    AS views,
           count(*) FILTER (WHERE type = 'like')    AS likes,
           count(*) FILTER (WHERE type = 'comment') AS comments,
           count(*) FILTER (WHERE type = 'share')   AS shares,
           count(*)                                 AS total_engagements
      FROM engagements AS e
      JOIN chosen_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean)
           AS p USING (post_id)
     WHERE e.engaged_timestamp >= :'start'::timestamptz
       AND e.engaged_timestamp < :'end'::timestamptz
       AND e.type = ANY (:'types'::engagement_type[])
       AND (:post::bigint = 0 OR e.post_id = :post::bigint)
     GROUP BY 1
), counted AS (
    -- Zone offsets are multiples of a quarter of an hour; a zone's calendar is dear to ask.
    SELECT date_trunc(:'interval'::text, quarter, :'zone'::text) AS start,
           sum(views)::bigint AS views, sum(likes)::bigint AS likes,
           sum(comments)::bigint AS comments, sum(shares)::bigint AS shares,
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
