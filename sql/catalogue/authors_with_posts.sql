-- authors_with_posts: which of these authors have posts
--
-- :ids  bigint[]  the authors
--
-- One row per author with posts.
SELECT a.id
  FROM unnest(:ids::bigint[]) AS a (id)
 WHERE EXISTS (SELECT FROM posts AS p WHERE p.author_id = a.id);
