-- external_ids_of: which external ids stand for these numbers, or for these texts which numbers?
--
-- :kind   text      author, post or user
-- :ids    bigint[]  numbers
-- :names  text[]    external ids
--
-- One row an external id that is known.
SELECT external_id, id
  FROM external_ids
 WHERE kind = :'kind'::text
   AND (id = ANY (:ids::bigint[]) OR external_id = ANY (:names::text[]));
