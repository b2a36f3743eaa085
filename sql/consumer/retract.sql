-- retract: take events away
--
-- :engaged_timestamps  timestamptz[]  the events' times; the other arrays run along
-- :event_ids           uuid[]         their ids
-- :post_ids            bigint[]       their posts
-- :received            timestamptz[]  when they were taken back
--
-- One row an event that was there.
SELECT engaged_timestamp, event_id, post_id, type::text AS type
  FROM retract(:engaged_timestamps::timestamptz[], :event_ids::uuid[], :post_ids::bigint[],
               :received::timestamptz[]);
