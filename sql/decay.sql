-- decay: how much of their first week's engagement do posts have by 1, 6, 24, 48 and 168 hours?
--
-- :start     timestamptz        start of the publication period
-- :end       timestamptz        end of the publication period, exclusive
-- :types     engagement_type[]  event types that count
-- :category  text               category of the posts; empty: any
-- :author    bigint             author of the posts; 0: any
-- :tag       text               tag of the posts; empty: any
-- :promoted  boolean            only promoted posts, or only the others; null: both
--
-- One row per category and age, in their order. Posts that are a week old.
SELECT p.category, a.hours, count(*) AS posts,
       sum(CASE WHEN 'view'    = ANY (:'types'::engagement_type[]) THEN f.views[a.place]    ELSE 0 END
         + CASE WHEN 'like'    = ANY (:'types'::engagement_type[]) THEN f.likes[a.place]    ELSE 0 END
         + CASE WHEN 'comment' = ANY (:'types'::engagement_type[]) THEN f.comments[a.place] ELSE 0 END
         + CASE WHEN 'share'   = ANY (:'types'::engagement_type[]) THEN f.shares[a.place]   ELSE 0 END
       )::bigint AS engagements
  FROM matching_posts(:'category'::text, :author::bigint, :'tag'::text, :promoted::boolean) AS p
  JOIN first_hours AS f ON f.post_id = p.post_id AND f.ages = cardinality(compared_ages())
 CROSS JOIN LATERAL unnest(compared_ages()) WITH ORDINALITY AS a (hours, place)
 WHERE p.publish_timestamp >= :'start'::timestamptz
   AND p.publish_timestamp < :'end'::timestamptz
 GROUP BY p.category, a.hours
 ORDER BY p.category, a.hours;
