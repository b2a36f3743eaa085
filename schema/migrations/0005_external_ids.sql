-- External IDs of authors, posts and users.
-- docs/decisions/0006-catalogue-and-external-ids.md

-- Numbers for external IDs that the catalogue does not know yet: above any that people assign,
-- below 2^53, where numbers stop being exact in browsers.
CREATE SEQUENCE reserved_ids START 4503599627370496 MAXVALUE 9007199254740991;

CREATE TABLE external_ids (
    kind         text NOT NULL CHECK (kind IN ('author', 'post', 'user')),
    external_id  text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
    id           bigint NOT NULL DEFAULT nextval('reserved_ids'),
    PRIMARY KEY (kind, external_id),
    UNIQUE (kind, id)
);
COMMENT ON TABLE external_ids IS 'External IDs and their numbers.';

CREATE TABLE external_id_state (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version   bigint NOT NULL DEFAULT 0
);
INSERT INTO external_id_state DEFAULT VALUES;
COMMENT ON TABLE external_id_state IS
    'One row, changed when an external ID is deleted or gets another number: consumers cache them.';

-- Archived files keep a reserved number that the catalogue has replaced. Restored events get the
-- new one, and an erasure reaches both (docs/decisions/0013-archive.md).
CREATE TABLE moved_ids (
    kind    text NOT NULL,
    old_id  bigint NOT NULL,
    id      bigint NOT NULL,
    PRIMARY KEY (kind, old_id)
);
CREATE INDEX idx_moved_ids_id ON moved_ids (kind, id);
COMMENT ON TABLE moved_ids IS 'Reserved numbers and the catalogue''s numbers that replaced them.';

-- Locks before any row is touched, so that no session waits for a row while it holds the shared lock.
CREATE FUNCTION increment_external_id_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('external_ids'));
    UPDATE external_id_state SET version = version + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER external_ids_changed BEFORE UPDATE OR DELETE ON external_ids
    FOR EACH STATEMENT EXECUTE FUNCTION increment_external_id_version();

-- Return a stamp for cached numbers, which stay valid until the transaction ends. A crash that
-- loses commits, and numbers with them, ends every backend, which changes the stamp.
CREATE FUNCTION external_id_stamp() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('external_ids'));
    RETURN concat_ws(' ', pg_postmaster_start_time(), pg_backend_pid(),
                     (SELECT version FROM external_id_state));
END $$;

-- Return the numbers of external IDs, reserving new ones. The shared lock keeps move_external_id
-- from moving a number while a batch uses it. Sorted, so that two transactions that need the same
-- new IDs never deadlock. Subqueries, not joins: each ID is found by the index, whatever the size
-- of the table was when the statement was planned.
CREATE FUNCTION resolve_external_ids(kind text, wanted text[])
RETURNS TABLE (external_id text, id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('external_ids'));
    INSERT INTO external_ids AS e (kind, external_id)
    SELECT resolve_external_ids.kind, w.name
      FROM (SELECT DISTINCT name FROM unnest(wanted) AS name ORDER BY name) AS w
     WHERE (SELECT k.id FROM external_ids AS k
             WHERE k.kind = resolve_external_ids.kind AND k.external_id = w.name) IS NULL
        ON CONFLICT DO NOTHING;
    RETURN QUERY
    SELECT w.name, (SELECT k.id FROM external_ids AS k
                     WHERE k.kind = resolve_external_ids.kind AND k.external_id = w.name)
      FROM unnest(wanted) AS w (name);
END $$;

-- Give an external ID another number, and move everything stored under the old number.
CREATE FUNCTION move_external_id(kind text, name text, number bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    old bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('external_ids'));
    SELECT e.id INTO old FROM external_ids AS e
     WHERE e.kind = move_external_id.kind AND e.external_id = name;
    IF old = number THEN
        RETURN;
    END IF;
    DELETE FROM external_ids AS e WHERE e.kind = move_external_id.kind AND e.id = number;
    INSERT INTO external_ids AS e (kind, external_id, id) VALUES (move_external_id.kind, name, number)
        ON CONFLICT (kind, external_id) DO UPDATE SET id = number;
    UPDATE catalogue_version SET version = version + 1, changed_timestamp = now();
    IF old IS NULL THEN
        RETURN;
    END IF;
    UPDATE moved_ids AS m SET id = number WHERE m.kind = move_external_id.kind AND m.id = old;
    -- Numbers that the catalogue gave may have other events.
    IF old >= (SELECT seqstart FROM pg_sequence WHERE seqrelid = 'reserved_ids'::regclass) THEN
        INSERT INTO moved_ids (kind, old_id, id) VALUES (move_external_id.kind, old, number)
            ON CONFLICT (kind, old_id) DO UPDATE SET id = excluded.id;
    END IF;
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
        UPDATE annotations SET post_id = number WHERE post_id = old;
        -- Where both numbers have one, that of the old number stays: the ledger counts it.
        UPDATE retractions AS r SET post_id = number
         WHERE r.post_id = old
           AND NOT EXISTS (SELECT FROM retractions AS n
                            WHERE n.engaged_timestamp = r.engaged_timestamp
                              AND n.event_id = r.event_id AND n.post_id = number);
    ELSIF move_external_id.kind = 'user' THEN
        UPDATE engagements SET user_id = number WHERE user_id = old;
    END IF;
END $$;
