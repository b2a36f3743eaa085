-- apply_retractions: delete retracted events, and record all retractions
--
-- :engaged_timestamps  timestamptz[]  times of the events; the other arrays are parallel
-- :event_ids           uuid[]         their IDs
-- :post_ids            bigint[]       their posts
-- :received            timestamptz[]  when each retraction was received
--
-- One row per deleted event.
SELECT engaged_timestamp, event_id, post_id, type::text AS type
  FROM retract_events(:engaged_timestamps::timestamptz[], :event_ids::uuid[], :post_ids::bigint[],
               :received::timestamptz[]);
