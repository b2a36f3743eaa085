-- upsert_posts: create or replace posts with their metadata, also deleted ones
--
-- :rows  jsonb  array of objects with the columns
--
-- No rows.
WITH given AS (
    SELECT *
      FROM jsonb_to_recordset(:rows::jsonb)
           AS r (id bigint, author_id bigint, category text, title text,
                 publish_timestamp timestamptz, content_length int, has_media boolean,
                 tags text[], is_promoted boolean, language text)
), written AS (
    INSERT INTO posts (post_id, author_id, category, publish_timestamp, title, content_length,
                       has_media)
    SELECT id, author_id, category, publish_timestamp, title, content_length, has_media
      FROM given
        ON CONFLICT (post_id) DO UPDATE
       SET author_id         = excluded.author_id,
           category          = excluded.category,
           publish_timestamp = excluded.publish_timestamp,
           title             = excluded.title,
           content_length    = excluded.content_length,
           has_media         = excluded.has_media
), described AS (
    INSERT INTO post_metadata (post_id, tags, is_promoted, language)
    SELECT id, tags, is_promoted, language
      FROM given
        ON CONFLICT (post_id) DO UPDATE
       SET tags        = excluded.tags,
           is_promoted = excluded.is_promoted,
           language    = excluded.language
)
DELETE FROM deleted_posts WHERE post_id IN (SELECT id FROM given);
