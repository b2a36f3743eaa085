-- events_of_day: events of one UTC day
--
-- :since   timestamptz  start of the day
-- :before  timestamptz  start of the next day
--
-- One row per event, in the order of the primary key.
SELECT event_id, post_id, user_id, type::text AS type, engaged_timestamp, received_timestamp
  FROM engagements
 WHERE engaged_timestamp >= :since::timestamptz AND engaged_timestamp < :before::timestamptz
 ORDER BY engaged_timestamp, event_id;
