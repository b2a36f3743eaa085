-- show_dead_letter: everything about one dead letter
--
-- :dead_letter_id  bigint  which one
--
-- One row, its key and its value as the bytes they were.
SELECT *
  FROM dead_letters
 WHERE dead_letter_id = :dead_letter_id::bigint;
