-- finish_erasure: take the user out of the catalogue, and forget who the erasure was about
--
-- :erasure_id  bigint  the erasure
--
-- One row: the erasure.
SELECT * FROM finish_erasure(:erasure_id::bigint);
