-- catalogue_posts: these posts as the catalogue has them
--
-- :ids  bigint[]  the posts
--
-- One row per post that exists, with its metadata.
SELECT p.post_id AS id, p.author_id, p.category, p.title, p.publish_timestamp, p.content_length,
       p.has_media, m.tags, m.is_promoted, m.language
  FROM posts AS p
  LEFT JOIN post_metadata AS m USING (post_id)
 WHERE p.post_id = ANY (:ids::bigint[]);
