-- What the outside calls authors, posts and users, and what was deleted of them.
-- Locks nothing that exists. Not safe to run twice; the runner never does.
-- Why numbers are reserved: docs/decisions/0006-catalogue-and-external-ids.md.

-- Beyond what anyone counts to by hand, below 2^53, where numbers stop being exact in browsers.
CREATE SEQUENCE reserved_ids START 4503599627370496 MAXVALUE 9007199254740991;

CREATE TABLE external_ids (
    kind         text NOT NULL CHECK (kind IN ('author', 'post', 'user')),
    external_id  text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
    id           bigint NOT NULL DEFAULT nextval('reserved_ids'),
    PRIMARY KEY (kind, external_id),
    UNIQUE (kind, id)
);

-- A deleted post leaves the reports and keeps its engagements; a PUT brings it back.
CREATE TABLE deleted_posts (
    post_id            bigint PRIMARY KEY,
    deleted_timestamp  timestamptz NOT NULL DEFAULT now()
);

-- For delete_author.sql, and for the posts of an author in a category.
CREATE INDEX idx_posts_author_category ON posts (author_id, category);

-- The shared lock keeps move_external_id from moving a number under a batch that uses it.
-- Sorted, so that two transactions that need the same new ones never wait for each other.
CREATE FUNCTION resolve_external_ids(kind text, wanted text[])
RETURNS TABLE (external_id text, id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('external_ids'));
    INSERT INTO external_ids AS e (kind, external_id)
    SELECT resolve_external_ids.kind, w.name
      FROM (SELECT DISTINCT name FROM unnest(wanted) AS name ORDER BY name) AS w
     WHERE NOT EXISTS (SELECT FROM external_ids AS k
                        WHERE k.kind = resolve_external_ids.kind AND k.external_id = w.name)
        ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT e.external_id, e.id FROM external_ids AS e
                  WHERE e.kind = resolve_external_ids.kind AND e.external_id = ANY (wanted);
END $$;

-- Let an external id stand for another number, and take what was stored under the old one along.
CREATE FUNCTION move_external_id(kind text, name text, number bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    old bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('external_ids'));
    SELECT e.id INTO old FROM external_ids AS e
     WHERE e.kind = move_external_id.kind AND e.external_id = name;
    DELETE FROM external_ids AS e WHERE e.kind = move_external_id.kind AND e.id = number;
    INSERT INTO external_ids AS e (kind, external_id, id) VALUES (move_external_id.kind, name, number)
        ON CONFLICT (kind, external_id) DO UPDATE SET id = number;
    IF old IS NULL OR old = number THEN
        RETURN;
    END IF;
    UPDATE catalogue_version SET version = version + 1, changed_timestamp = now();
    IF move_external_id.kind = 'post' THEN
        UPDATE engagements SET post_id = number WHERE post_id = old;
        INSERT INTO post_totals AS t (post_id, views, likes, comments, shares)
        SELECT number, views, likes, comments, shares FROM post_totals WHERE post_id = old
            ON CONFLICT (post_id) DO UPDATE
           SET views    = t.views + excluded.views,
               likes    = t.likes + excluded.likes,
               comments = t.comments + excluded.comments,
               shares   = t.shares + excluded.shares;
        DELETE FROM post_totals WHERE post_id = old;
    ELSIF move_external_id.kind = 'user' THEN
        UPDATE engagements SET user_id = number WHERE user_id = old;
    END IF;
END $$;

REVOKE EXECUTE ON FUNCTION resolve_external_ids(text, text[]), move_external_id(text, text, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION resolve_external_ids(text, text[]) TO engage_consumer, engage_editor;
GRANT EXECUTE ON FUNCTION move_external_id(text, text, bigint) TO engage_editor;
GRANT SELECT ON external_ids, deleted_posts TO engage_consumer, engage_refresher, engage_reader;
GRANT USAGE ON SCHEMA public TO engage_editor;
GRANT SELECT, INSERT, UPDATE, DELETE ON authors, posts, post_metadata, users, deleted_posts
    TO engage_editor;
GRANT SELECT, DELETE ON external_ids TO engage_editor;
