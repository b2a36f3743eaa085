-- finish_erasure: delete the user from the catalogue, and clear the user's identity in the erasure
--
-- :erasure_id  bigint  the erasure
--
-- One row: the erasure.
SELECT * FROM finish_erasure(:erasure_id::bigint);
