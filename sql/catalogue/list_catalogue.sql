-- list_catalogue: which authors, posts or users are there?
--
-- :kind   text    author, post or user
-- :after  bigint  the last number seen; 0: from the first one on
-- :limit  int     rows at most
--
-- One row a number, rising.
(SELECT author_id AS id FROM authors
  WHERE :'kind'::text = 'author' AND author_id > :after::bigint ORDER BY id LIMIT :limit::int)
 UNION ALL
(SELECT post_id AS id FROM posts
  WHERE :'kind'::text = 'post' AND post_id > :after::bigint ORDER BY id LIMIT :limit::int)
 UNION ALL
(SELECT user_id AS id FROM users
  WHERE :'kind'::text = 'user' AND user_id > :after::bigint ORDER BY id LIMIT :limit::int)
 ORDER BY id;
