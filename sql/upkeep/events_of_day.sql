-- events_of_day: which events are stored on one UTC day?
--
-- :since   timestamptz  the day's beginning
-- :before  timestamptz  the next one's
--
-- One row an event, in the order of the primary key.
SELECT event_id, post_id, user_id, type::text AS type, engaged_timestamp, received_timestamp
  FROM engagements
 WHERE engaged_timestamp >= :since::timestamptz AND engaged_timestamp < :before::timestamptz
 ORDER BY engaged_timestamp, event_id;
