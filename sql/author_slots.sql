-- author_slots: at which hours and weekdays does each author publish?
--
-- :zone      text         the zone hours and weekdays are counted in
-- :start     timestamptz  posts published from here on
-- :end       timestamptz  and before
-- :category  text         of posts of this category; empty: of any
-- :tag       text         of posts with this tag; empty: of any
-- :promoted  boolean      of promoted posts, or of the others; null: of both
--
-- One row an author and hour x weekday (Sunday is 0) with posts, however young.
SELECT a.author_id, a.name AS author_name, a.author_category AS category,
       extract(dow  FROM p.publish_timestamp AT TIME ZONE :'zone'::text)::int AS day_of_week,
       extract(hour FROM p.publish_timestamp AT TIME ZONE :'zone'::text)::int AS hour_of_day,
       count(*) AS posts
  FROM chosen_posts(:'category'::text, 0, :'tag'::text, :promoted::boolean) AS p
  JOIN authors AS a USING (author_id)
 WHERE p.publish_timestamp >= :'start'::timestamptz
   AND p.publish_timestamp < :'end'::timestamptz
 GROUP BY a.author_id, 4, 5
 ORDER BY a.author_id, 4, 5;
