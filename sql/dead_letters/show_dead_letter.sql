-- show_dead_letter: one dead letter in full
--
-- :dead_letter_id  bigint  the dead letter
--
-- One row, with the original bytes of key and value.
SELECT *
  FROM dead_letters
 WHERE dead_letter_id = :dead_letter_id::bigint;
