-- list_dead_letters: dead letters, newest first
--
-- :only_reason  text  only this reason; '': all
-- :rows         int   maximum number of rows
--
-- One row per dead letter, without its bytes.
SELECT dead_letter_id, dead_lettered_timestamp, reason, topic, partition, "offset", detail,
       replay_outcome
  FROM dead_letters
 WHERE :'only_reason'::text = '' OR reason = :'only_reason'::text
 ORDER BY dead_letter_id DESC
 LIMIT :rows::int;
