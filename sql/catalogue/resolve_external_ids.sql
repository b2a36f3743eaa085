-- resolve_external_ids: which numbers do these external ids stand for?
--
-- :kind          text    author, post or user
-- :external_ids  text[]  the texts; those that are new get a number that stays theirs
--
-- One row an external id. Until the transaction ends, none of them can be moved to another number.
SELECT external_id, id FROM resolve_external_ids(:'kind'::text, :external_ids::text[]);
