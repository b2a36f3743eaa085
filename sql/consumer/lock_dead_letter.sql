-- lock_dead_letter: one dead letter that was not stored yet, while nobody else may replay it
--
-- :dead_letter_id  bigint  which one
--
-- One row, or none if it was stored meanwhile.
SELECT dead_letter_id, "offset", record_timestamp, key, value
  FROM dead_letters
 WHERE dead_letter_id = :dead_letter_id::bigint AND replay_outcome IS NULL
   FOR UPDATE;
