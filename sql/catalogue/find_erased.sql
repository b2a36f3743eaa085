-- find_erased: which of these users are erased
--
-- :numbers  bigint[]  numbers
-- :names    text[]    external IDs
--
-- One row per erased user, with its number or its external ID. No erasure begins before the
-- transaction ends.
SELECT number, name FROM find_erased(:numbers::bigint[], :names::text[]);
