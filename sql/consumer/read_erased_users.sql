-- read_erased_users: erased users
--
-- One row: their numbers, SHA-256 digests of the key followed by each external ID, and that key.
SELECT ARRAY(SELECT user_id FROM erased_users)       AS numbers,
       ARRAY(SELECT digest FROM erased_external_ids) AS digests,
       key
  FROM erasure_state;
