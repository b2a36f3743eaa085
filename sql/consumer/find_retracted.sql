-- find_retracted: which of these events are retracted, whether before or after they arrived
--
-- :engaged_timestamps  timestamptz[]  times of the events; the other arrays are parallel
-- :event_ids           uuid[]         their IDs
-- :post_ids            bigint[]       their posts
--
-- One row per retracted event.
SELECT engaged_timestamp, event_id
  FROM retractions
  JOIN unnest(:engaged_timestamps::timestamptz[], :event_ids::uuid[], :post_ids::bigint[])
       AS k (engaged_timestamp, event_id, post_id)
 USING (engaged_timestamp, event_id, post_id);
