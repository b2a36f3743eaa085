-- count_events_of_user: number of events of a user on one UTC day
--
-- :user_id  bigint       the user
-- :since    timestamptz  start of the day
-- :before   timestamptz  start of the next day
--
-- One row.
SELECT count(*) AS events
  FROM engagements
 WHERE user_id = :user_id::bigint
   AND engaged_timestamp >= :since::timestamptz AND engaged_timestamp < :before::timestamptz;
