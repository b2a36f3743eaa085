-- waiting_dead_letters: which of these were not stored yet?
--
-- :only_reason  text      of this reason alone; empty: of any
-- :ids          bigint[]  these alone; empty: all
--
-- One row a dead letter, in the order in which they came.
SELECT dead_letter_id
  FROM dead_letters
 WHERE replay_outcome IS NULL
   AND (:'only_reason'::text = '' OR reason = :'only_reason'::text)
   AND (cardinality(:'ids'::bigint[]) = 0 OR dead_letter_id = ANY (:'ids'::bigint[]))
 ORDER BY dead_letter_id;
