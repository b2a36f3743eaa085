-- The posts that a report's filters choose, in one place for all reports.
-- Locks nothing that exists. Safe to run twice.

-- An empty text, a zero and a null choose everything. A plain SQL function, so that the planner
-- sees through it.
CREATE OR REPLACE FUNCTION chosen_posts(
    only_category text, only_author bigint, only_tag text, only_promoted boolean)
RETURNS TABLE (post_id bigint, author_id bigint, category text, publish_timestamp timestamptz,
               title text, content_length integer, has_media boolean, tags text[],
               is_promoted boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.post_id, p.author_id, p.category, p.publish_timestamp, p.title, p.content_length,
           p.has_media, coalesce(m.tags, '{}'), coalesce(m.is_promoted, false)
      FROM posts AS p
      LEFT JOIN post_metadata AS m USING (post_id)
     WHERE (only_category = '' OR p.category = only_category)
       AND (only_author = 0 OR p.author_id = only_author)
       AND (only_tag = '' OR m.tags @> ARRAY[only_tag])
       AND (only_promoted IS NULL OR coalesce(m.is_promoted, false) = only_promoted)
$$;

REVOKE EXECUTE ON FUNCTION chosen_posts(text, bigint, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chosen_posts(text, bigint, text, boolean) TO engage_reader;
