-- pending_dead_letters: dead letters that are not stored yet
--
-- :only_reason  text      only this reason; '': all
-- :ids          bigint[]  only these; empty: all
--
-- One row per dead letter, oldest first.
SELECT dead_letter_id
  FROM dead_letters
 WHERE replay_outcome IS NULL
   AND (:'only_reason'::text = '' OR reason = :'only_reason'::text)
   AND (cardinality(:'ids'::bigint[]) = 0 OR dead_letter_id = ANY (:'ids'::bigint[]))
 ORDER BY dead_letter_id;
