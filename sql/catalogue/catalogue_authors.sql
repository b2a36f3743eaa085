-- catalogue_authors: these authors as the catalogue has them
--
-- :ids  bigint[]  the authors
--
-- One row per author that exists.
SELECT author_id AS id, name, author_category, joined_date
  FROM authors
 WHERE author_id = ANY (:ids::bigint[]);
