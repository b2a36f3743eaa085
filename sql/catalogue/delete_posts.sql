-- delete_posts: delete posts, and so remove them from the reports; their engagements stay
--
-- :ids  bigint[]  the posts
--
-- One row per deleted post.
WITH deleted AS (
    DELETE FROM posts WHERE post_id = ANY (:ids::bigint[]) RETURNING post_id
)
INSERT INTO deleted_posts (post_id)
SELECT post_id FROM deleted
    ON CONFLICT (post_id) DO UPDATE SET deleted_timestamp = now()
RETURNING post_id AS id;
