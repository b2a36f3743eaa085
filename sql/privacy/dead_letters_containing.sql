-- dead_letters_containing: dead letters that may identify a user
--
-- :needles  bytea[]  bytes to search for in key, value and detail
-- :after    bigint   only dead letters with a greater dead_letter_id
-- :rows     int      maximum number of rows
--
-- One row per dead letter, ascending.
SELECT *
  FROM dead_letters AS d
 WHERE dead_letter_id > :after::bigint
   AND EXISTS (SELECT FROM unnest(:needles::bytea[]) AS needle
                WHERE position(needle IN d.value) > 0 OR position(needle IN d.key) > 0
                   OR position(needle IN convert_to(d.detail, 'UTF8')) > 0)
 ORDER BY dead_letter_id
 LIMIT :rows::int;
