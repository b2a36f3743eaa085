-- Search of titles, names and tags, with PostgreSQL's own means: extensions such as pg_trgm may be
-- absent. docs/decisions/0021-search.md

-- Return the words of a text in small letters, without accents and punctuation.
CREATE FUNCTION search_words(content text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN array_remove(
    regexp_split_to_array(
        regexp_replace(normalize(lower(content), NFKD), '[\u0300-\u036f]', '', 'g'),
        '[\s!-/:-@\[-`{-\u00bf\u2000-\u206f\u3000-\u303f]+'),
    '');

CREATE FUNCTION search_vector(content text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN array_to_tsvector(search_words(content));

-- Return the groups of three letters of a word, with two spaces before it and one after.
CREATE FUNCTION trigrams(word text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN ARRAY(SELECT DISTINCT substr('  ' || word || ' ', n, 3)
               FROM generate_series(1, length(word) + 1) AS n);

CREATE INDEX idx_posts_title_words ON posts USING gin (search_vector(title))
    WITH (fastupdate = off);
CREATE INDEX idx_authors_name_words ON authors USING gin (search_vector(name))
    WITH (fastupdate = off);

CREATE MATERIALIZED VIEW catalogue_tags AS
SELECT tag, count(*) AS posts
  FROM post_metadata, unnest(tags) AS tag
 GROUP BY tag;
CREATE UNIQUE INDEX idx_catalogue_tags ON catalogue_tags (tag);
COMMENT ON MATERIALIZED VIEW catalogue_tags IS 'The tags of all posts, for search.';

-- Titles repeat words: the newest have nearly all of them.
CREATE MATERIALIZED VIEW catalogue_words AS
SELECT word COLLATE "C" AS word, trigrams(word) AS trigrams
  FROM (SELECT unnest(search_words(title))
          FROM (SELECT title FROM posts ORDER BY publish_timestamp DESC LIMIT 100000) AS newest
        UNION SELECT unnest(search_words(name)) FROM authors
        UNION SELECT unnest(search_words(tag)) FROM catalogue_tags) AS found (word);
CREATE UNIQUE INDEX idx_catalogue_words ON catalogue_words (word);
CREATE INDEX idx_catalogue_words_trigrams ON catalogue_words USING gin (trigrams);
COMMENT ON MATERIALIZED VIEW catalogue_words IS
    'The words of the newest titles, of names and tags, with which search corrects typos.';

CREATE TABLE search_state (
    only_row           boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    catalogue_version  bigint NOT NULL DEFAULT -1
);
INSERT INTO search_state DEFAULT VALUES;
COMMENT ON TABLE search_state IS 'One row: the version of the catalogue whose words search knows.';

-- Refresh tags and words if the catalogue has changed; return whether it had. Reports can read both
-- meanwhile.
CREATE FUNCTION refresh_search() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    newest bigint := (SELECT version FROM catalogue_version);
BEGIN
    PERFORM FROM search_state WHERE catalogue_version < newest FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    REFRESH MATERIALIZED VIEW CONCURRENTLY catalogue_tags;
    REFRESH MATERIALIZED VIEW CONCURRENTLY catalogue_words;
    UPDATE search_state SET catalogue_version = newest;
    RETURN true;
END $$;
