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

-- As before, but a retraction, which is a skipped record, is a change as well.
CREATE OR REPLACE FUNCTION refresh_engagement_stats(force boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last stats_refresh;
    stored_now numeric;
    catalogue_now bigint;
    began timestamptz := clock_timestamp();
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('engagement_stats.refresh')) THEN
        RETURN 'busy';
    END IF;
    SELECT * INTO last FROM stats_refresh;
    -- Read before the view's own snapshot: what comes between shows early, never late.
    SELECT coalesce(sum(o.stored + o.skipped), 0) + (SELECT replayed FROM ledger_totals)
      INTO stored_now FROM consumer_offsets AS o;
    SELECT version INTO catalogue_now FROM catalogue_version;
    IF NOT force AND stored_now = last.stored AND catalogue_now = last.catalogue_version THEN
        UPDATE stats_refresh SET data_as_of = began, refreshed_timestamp = clock_timestamp();
        RETURN 'unchanged';
    END IF;
    REFRESH MATERIALIZED VIEW CONCURRENTLY engagement_stats;
    UPDATE stats_refresh
       SET refresh_id = refresh_id + 1,
           data_as_of = began,
           refreshed_timestamp = clock_timestamp(),
           duration_seconds = extract(epoch FROM clock_timestamp() - began),
           stored = stored_now,
           catalogue_version = catalogue_now;
    RETURN 'refreshed';
END $$;
