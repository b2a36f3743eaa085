-- dead_letters_with: which dead letters may name a user?
--
-- :needles  bytea[]  what their bytes or their detail would contain
-- :after    bigint   only those with a greater dead_letter_id
-- :rows     int      at most so many
--
-- One row a dead letter, ascending.
SELECT *
  FROM dead_letters AS d
 WHERE dead_letter_id > :after::bigint
   AND EXISTS (SELECT FROM unnest(:needles::bytea[]) AS needle
                WHERE position(needle IN d.value) > 0 OR position(needle IN d.key) > 0
                   OR position(needle IN convert_to(d.detail, 'UTF8')) > 0)
 ORDER BY dead_letter_id
 LIMIT :rows::int;
