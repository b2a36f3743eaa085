-- catalogue_posts: what does the catalogue say of these posts?
--
-- :ids  bigint[]  the posts
--
-- One row a post that is there, with its metadata.
SELECT p.post_id AS id, p.author_id, p.category, p.title, p.publish_timestamp, p.content_length,
       p.has_media, m.tags, m.is_promoted, m.language
  FROM posts AS p
  LEFT JOIN post_metadata AS m USING (post_id)
 WHERE p.post_id = ANY (:ids::bigint[]);
