-- delete_authors: delete authors without posts
--
-- :ids  bigint[]  the authors
--
-- One row per deleted author.
DELETE FROM authors WHERE author_id = ANY (:ids::bigint[]) RETURNING author_id AS id;
