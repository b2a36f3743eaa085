-- find_erased: which of these users were erased?
--
-- :numbers  bigint[]  numbers
-- :names    text[]    external ids
--
-- One row each that was: its number, or its name. Until the transaction ends, no erasure begins.
SELECT number, name FROM find_erased(:numbers::bigint[], :names::text[]);
