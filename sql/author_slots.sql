-- author_slots: at which hours and weekdays does each author publish?
--
-- :zone      text         time zone of hours and weekdays
-- :start     timestamptz  start of the publication period
-- :end       timestamptz  end of the publication period, exclusive
-- :category  text         category of the posts; empty: any
-- :tag       text         tag of the posts; empty: any
-- :promoted  boolean      only promoted posts, or only the others; null: both
--
-- One row per author and hour x weekday (Sunday is 0) with posts, however young.
SELECT a.author_id, a.name AS author_name, a.author_category AS category,
       extract(dow  FROM p.publish_timestamp AT TIME ZONE :'zone'::text)::int AS day_of_week,
       extract(hour FROM p.publish_timestamp AT TIME ZONE :'zone'::text)::int AS hour_of_day,
       count(*) AS posts
  FROM matching_posts(:'category'::text, 0, :'tag'::text, :promoted::boolean) AS p
  JOIN authors AS a USING (author_id)
 WHERE p.publish_timestamp >= :'start'::timestamptz
   AND p.publish_timestamp < :'end'::timestamptz
 GROUP BY a.author_id, 4, 5
 ORDER BY a.author_id, 4, 5;
