-- resolve_external_ids: numbers of external IDs
--
-- :kind          text    author, post or user
-- :external_ids  text[]  external IDs; new ones get a number
--
-- One row per external ID. None of them gets another number before the transaction ends.
SELECT external_id, id FROM resolve_external_ids(:'kind'::text, :external_ids::text[]);
