-- lock_dead_letter: read a dead letter that is not stored yet, and lock it
--
-- :dead_letter_id  bigint  dead letter
--
-- One row, or none if it was stored meanwhile.
SELECT dead_letter_id, "offset", record_timestamp, key, value
  FROM dead_letters
 WHERE dead_letter_id = :dead_letter_id::bigint AND replay_outcome IS NULL
   FOR UPDATE;
