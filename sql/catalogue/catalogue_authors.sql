-- catalogue_authors: what does the catalogue say of these authors?
--
-- :ids  bigint[]  the authors
--
-- One row an author that is there.
SELECT author_id AS id, name, author_category, joined_date
  FROM authors
 WHERE author_id = ANY (:ids::bigint[]);
