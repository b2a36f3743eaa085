-- read_erased: which users were erased?
--
-- One row: their numbers, SHA-256 digests of their external ids, and the key that is hashed
-- before each of these.
SELECT ARRAY(SELECT user_id FROM erased_users)       AS numbers,
       ARRAY(SELECT digest FROM erased_external_ids) AS digests,
       key
  FROM erasure_state;
