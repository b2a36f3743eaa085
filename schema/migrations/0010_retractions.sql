-- Undo: an event that names another one takes its row away, for good.
-- Locks nothing that exists. Not safe to run twice; the runner never does.
-- docs/decisions/0007-retractions.md

-- A retraction that comes before its event waits for it here. is_removed: a row was there.
CREATE TABLE retractions (
    engaged_timestamp   timestamptz NOT NULL,
    event_id            uuid NOT NULL,
    post_id             bigint NOT NULL,
    received_timestamp  timestamptz NOT NULL,
    is_removed          boolean NOT NULL DEFAULT false,
    PRIMARY KEY (engaged_timestamp, event_id, post_id)
);

-- Remember retractions and delete the rows they name; returns what was deleted, for the rollups.
-- Both in the caller's transaction. Only the event's own post may take it away, as only its
-- partition is in order with it.
CREATE FUNCTION retract(times timestamptz[], ids uuid[], posts bigint[], received timestamptz[])
RETURNS TABLE (engaged_timestamp timestamptz, event_id uuid, post_id bigint, type engagement_type)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO retractions (engaged_timestamp, event_id, post_id, received_timestamp)
    SELECT * FROM unnest(times, ids, posts, received)
        ON CONFLICT DO NOTHING;
    RETURN QUERY
    WITH gone AS (
        DELETE FROM engagements AS e
         USING unnest(times, ids, posts) AS k (time, id, post)
         WHERE e.engaged_timestamp = k.time AND e.event_id = k.id AND e.post_id = k.post
        RETURNING e.engaged_timestamp, e.event_id, e.post_id, e.type
    ), noted AS (
        UPDATE retractions AS r SET is_removed = true
          FROM gone AS g
         WHERE r.engaged_timestamp = g.engaged_timestamp AND r.event_id = g.event_id
           AND r.post_id = g.post_id
    )
    SELECT * FROM gone;
END $$;

REVOKE EXECUTE ON FUNCTION retract(timestamptz[], uuid[], bigint[], timestamptz[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retract(timestamptz[], uuid[], bigint[], timestamptz[])
    TO engage_consumer;
GRANT SELECT ON retractions TO engage_consumer, engage_refresher, engage_reader;
