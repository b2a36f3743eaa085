-- replays_of: attempts to replay a dead letter
--
-- :dead_letter_id  bigint  the dead letter
--
-- One row per attempt, oldest first.
SELECT replayed_timestamp, replayed_by, outcome, detail
  FROM dead_letter_replays
 WHERE dead_letter_id = :dead_letter_id::bigint
 ORDER BY replay_id;
