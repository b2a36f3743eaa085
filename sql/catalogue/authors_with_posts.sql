-- authors_with_posts: which of these authors still have posts?
--
-- :ids  bigint[]  the authors
--
-- One row an author that has.
SELECT a.id
  FROM unnest(:ids::bigint[]) AS a (id)
 WHERE EXISTS (SELECT FROM posts AS p WHERE p.author_id = a.id);
