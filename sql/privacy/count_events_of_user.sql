-- count_events_of_user: how many events has a user on one UTC day?
--
-- :user_id  bigint       the user
-- :since    timestamptz  the day's beginning
-- :before   timestamptz  the next one's
--
-- One row.
SELECT count(*) AS events
  FROM engagements
 WHERE user_id = :user_id::bigint
   AND engaged_timestamp >= :since::timestamptz AND engaged_timestamp < :before::timestamptz;
