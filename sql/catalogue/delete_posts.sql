-- delete_posts: take posts out of the reports; their engagements stay
--
-- :ids  bigint[]  the posts
--
-- One row a post that was there.
WITH gone AS (
    DELETE FROM posts WHERE post_id = ANY (:ids::bigint[]) RETURNING post_id
)
INSERT INTO deleted_posts (post_id)
SELECT post_id FROM gone
    ON CONFLICT (post_id) DO UPDATE SET deleted_timestamp = now()
RETURNING post_id AS id;
