-- list_dead_letters: what could not be stored, newest first
--
-- :only_reason  text  of this one alone; empty: of any
-- :rows         int   at most so many
--
-- One row a dead letter, without its bytes.
SELECT dead_letter_id, dead_lettered_timestamp, reason, topic, partition, "offset", detail,
       replay_outcome
  FROM dead_letters
 WHERE :'only_reason'::text = '' OR reason = :'only_reason'::text
 ORDER BY dead_letter_id DESC
 LIMIT :rows::int;
