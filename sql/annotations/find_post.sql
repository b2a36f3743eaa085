-- find_post: a post of the catalogue by its ID
--
-- :number       bigint  the post's number; 0: unknown
-- :external_id  text    its external ID
--
-- One row, or none if there is no such post.
SELECT post_id, title
  FROM posts
 WHERE post_id = :number::bigint
    OR post_id = (SELECT id FROM external_ids
                   WHERE kind = 'post' AND external_id = :'external_id'::text);
