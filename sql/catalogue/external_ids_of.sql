-- external_ids_of: external IDs with their numbers, by either of them
--
-- :kind   text      author, post or user
-- :ids    bigint[]  numbers
-- :names  text[]    external IDs
--
-- One row per external ID that exists.
SELECT external_id, id
  FROM external_ids
 WHERE kind = :'kind'::text
   AND (id = ANY (:ids::bigint[]) OR external_id = ANY (:names::text[]));
