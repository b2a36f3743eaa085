-- find_retracted: which of these events were taken back, before they came or since?
--
-- :engaged_timestamps  timestamptz[]  the events' times; the other arrays run along
-- :event_ids           uuid[]         their ids
-- :post_ids            bigint[]       their posts
--
-- One row an event that was.
SELECT engaged_timestamp, event_id
  FROM retractions
  JOIN unnest(:engaged_timestamps::timestamptz[], :event_ids::uuid[], :post_ids::bigint[])
       AS k (engaged_timestamp, event_id, post_id)
 USING (engaged_timestamp, event_id, post_id);
