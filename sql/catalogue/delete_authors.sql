-- delete_authors: take authors without posts out of the catalogue
--
-- :ids  bigint[]  the authors
--
-- One row an author that was there.
DELETE FROM authors WHERE author_id = ANY (:ids::bigint[]) RETURNING author_id AS id;
