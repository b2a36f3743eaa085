-- list_catalogue: numbers of authors, posts or users
--
-- :kind   text    author, post or user
-- :after  bigint  only greater numbers
-- :limit  int     maximum number of rows
--
-- One row per number, ascending.
(SELECT author_id AS id FROM authors
  WHERE :'kind'::text = 'author' AND author_id > :after::bigint ORDER BY id LIMIT :limit::int)
 UNION ALL
(SELECT post_id AS id FROM posts
  WHERE :'kind'::text = 'post' AND post_id > :after::bigint ORDER BY id LIMIT :limit::int)
 UNION ALL
(SELECT user_id AS id FROM users
  WHERE :'kind'::text = 'user' AND user_id > :after::bigint ORDER BY id LIMIT :limit::int)
 ORDER BY id;
