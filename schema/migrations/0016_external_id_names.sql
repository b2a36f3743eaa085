-- External ids that were looked up once need not be looked up again: consumers keep them in
-- memory and ask for a stamp, which changes whenever one of them may stand for something else.
-- Locks nothing for long. Not safe to run twice; the runner never does.
-- docs/decisions/0006-catalogue-and-external-ids.md

CREATE TABLE external_id_state (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version   bigint NOT NULL DEFAULT 0
);
INSERT INTO external_id_state DEFAULT VALUES;

-- Before any row is touched, so that nobody waits for a row while holding the shared lock.
CREATE FUNCTION note_external_ids_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('external_ids'));
    UPDATE external_id_state SET version = version + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER note_change BEFORE UPDATE OR DELETE ON external_ids
    FOR EACH STATEMENT EXECUTE FUNCTION note_external_ids_changed();

-- Until the transaction ends, no external id comes to stand for another number. A crash that
-- loses commits, and numbers with them, ends every backend: the stamp is another one then.
CREATE FUNCTION external_id_stamp() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('external_ids'));
    RETURN concat_ws(' ', pg_postmaster_start_time(), pg_backend_pid(),
                     (SELECT version FROM external_id_state));
END $$;

-- As before, but each text is looked up by the index, whatever the table's size was when the
-- statement was planned: joined, thousands of texts were compared with thousands of rows.
CREATE OR REPLACE FUNCTION resolve_external_ids(kind text, wanted text[])
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

-- As before, but what was taken back under the old number stays taken back under the new one,
-- and reports are told of every change, as they name external ids.
CREATE OR REPLACE FUNCTION move_external_id(kind text, name text, number bigint) RETURNS void
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
    ELSIF move_external_id.kind = 'post' THEN
        UPDATE engagements SET post_id = number WHERE post_id = old;
        INSERT INTO post_totals AS t (post_id, views, likes, comments, shares)
        SELECT number, views, likes, comments, shares FROM post_totals WHERE post_id = old
            ON CONFLICT (post_id) DO UPDATE
           SET views    = t.views + excluded.views,
               likes    = t.likes + excluded.likes,
               comments = t.comments + excluded.comments,
               shares   = t.shares + excluded.shares;
        DELETE FROM post_totals WHERE post_id = old;
        -- Where both numbers have one, the old one's stays for the ledger.
        UPDATE retractions AS r SET post_id = number
         WHERE r.post_id = old
           AND NOT EXISTS (SELECT FROM retractions AS n
                            WHERE n.engaged_timestamp = r.engaged_timestamp
                              AND n.event_id = r.event_id AND n.post_id = number);
    ELSIF move_external_id.kind = 'user' THEN
        UPDATE engagements SET user_id = number WHERE user_id = old;
    END IF;
END $$;

REVOKE ALL ON external_id_state FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION note_external_ids_changed(), external_id_stamp() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION external_id_stamp() TO engage_consumer;
