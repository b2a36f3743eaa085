-- events_of_user: events of a user on one UTC day
--
-- :user_id  bigint       the user
-- :since    timestamptz  start of the day
-- :before   timestamptz  start of the next day
--
-- One row per event, oldest first.
SELECT event_id, post_id, user_id, type::text AS type, engaged_timestamp, received_timestamp
  FROM engagements
 WHERE user_id = :user_id::bigint
   AND engaged_timestamp >= :since::timestamptz AND engaged_timestamp < :before::timestamptz
 ORDER BY engaged_timestamp, event_id;
