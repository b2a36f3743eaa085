-- earlier_periods: how much was in each of the periods before the comparison period?
--
-- :starts  timestamptz[]      starts of the periods, the latest first
-- :ends    timestamptz[]      their ends, exclusive
-- :types   engagement_type[]  event types that count
--
-- One row per period, in their order. Engagements by quarter of an hour; the one in which a period
-- ends is left out.
WITH quarters AS MATERIALIZED (
    SELECT *
      FROM catalogue_engagements_15m(
           (SELECT min(start) FROM unnest(:'starts'::timestamptz[]) AS s (start)),
           (SELECT max(until) FROM unnest(:'ends'::timestamptz[]) AS e (until)))
)
SELECT coalesce(e.views, 0)    * ('view'    = ANY (:'types'::engagement_type[]))::int AS views,
       coalesce(e.likes, 0)    * ('like'    = ANY (:'types'::engagement_type[]))::int AS likes,
       coalesce(e.comments, 0) * ('comment' = ANY (:'types'::engagement_type[]))::int AS comments,
       coalesce(e.shares, 0)   * ('share'   = ANY (:'types'::engagement_type[]))::int AS shares
  FROM unnest(:'starts'::timestamptz[], :'ends'::timestamptz[])
       WITH ORDINALITY AS p (start, until, place)
 CROSS JOIN LATERAL (
       SELECT sum(views)::bigint AS views, sum(likes)::bigint AS likes,
              sum(comments)::bigint AS comments, sum(shares)::bigint AS shares
         FROM quarters
        WHERE bucket >= p.start AND bucket <= p.until - interval '15 minutes') AS e
 ORDER BY p.place;
