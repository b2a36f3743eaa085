-- Days that expire into files: which there are, so that each is restored once and nothing counts
-- twice. Locks nothing that exists. Not safe to run twice; the runner never does.
-- docs/decisions/0013-archive.md

-- The files of the archive. Usually a day has one part; it has more if events were stored on it
-- after it had expired. A day that was restored stays in engagements until keep_until.
CREATE TABLE archived_partitions (
    day                 date NOT NULL,
    part                integer NOT NULL CHECK (part > 0),
    rows                bigint NOT NULL CHECK (rows > 0),
    bytes               bigint NOT NULL,
    sha256              text NOT NULL,
    -- While the file is being replaced, what comes next: either one is right.
    next_sha256         text,
    archived_timestamp  timestamptz NOT NULL DEFAULT now(),
    restored_timestamp  timestamptz,
    keep_until          date,
    PRIMARY KEY (day, part)
);

-- How many events has a day, and what do they add up to? Another digest: other events.
CREATE FUNCTION day_fingerprint(day date) RETURNS TABLE (rows bigint, digest numeric)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET timezone = 'UTC'
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    since timestamptz := day;
    before timestamptz := day + 1;
BEGIN
    RETURN QUERY
    SELECT count(*), coalesce(sum(hash_record_extended(e, 0)), 0)
      FROM engagements AS e
     WHERE e.engaged_timestamp >= since AND e.engaged_timestamp < before;
END $$;

-- As before, and a day that had been restored is in its files alone again.
CREATE OR REPLACE FUNCTION drop_partition(day date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := partition_name(day);
    gone bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('engagements.partitions'));
    IF NOT has_partition(day) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', name);
    EXECUTE format('SELECT count(*) FROM %I', name) INTO gone;
    EXECUTE format('ALTER TABLE engagements DETACH PARTITION %I', name);
    EXECUTE format('DROP TABLE %I', name);
    INSERT INTO expired_partitions AS e (day, rows) VALUES (drop_partition.day, gone)
        ON CONFLICT ON CONSTRAINT expired_partitions_pkey
        DO UPDATE SET rows = e.rows + excluded.rows, dropped_timestamp = now();
    UPDATE archived_partitions AS a SET restored_timestamp = NULL, keep_until = NULL
     WHERE a.day = drop_partition.day;
    RETURN gone;
END $$;

-- Drop a day whose events are in a file that was read back; null: there was none. 40001: events
-- came or changed since the file was written. The file takes the place of those that were restored.
CREATE FUNCTION drop_archived_partition(day date, expected_rows bigint, expected_digest numeric,
                                        part integer, bytes bigint, sha256 text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    found record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('engagements.partitions'));
    IF NOT has_partition(day) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', partition_name(day));
    SELECT * INTO found FROM day_fingerprint(day);
    IF (found.rows, found.digest) IS DISTINCT FROM (expected_rows, expected_digest) THEN
        RAISE EXCEPTION 'the events of % changed while they were archived', day
            USING ERRCODE = 'serialization_failure';
    END IF;
    DELETE FROM archived_partitions AS a
     WHERE a.day = drop_archived_partition.day AND a.restored_timestamp IS NOT NULL;
    INSERT INTO archived_partitions (day, part, rows, bytes, sha256)
    VALUES (drop_archived_partition.day, drop_archived_partition.part, found.rows,
            drop_archived_partition.bytes, drop_archived_partition.sha256);
    RETURN drop_partition(day);
END $$;

-- Make room for a day that comes back; the refresher leaves it alone until keep_until.
CREATE FUNCTION begin_restore(day date, keep_until date) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE archived_partitions AS a SET keep_until = begin_restore.keep_until
     WHERE a.day = begin_restore.day;
    PERFORM ensure_partition(day);
END $$;

-- Put what was copied into the session's restored_events back into engagements. The rollups and
-- the ledger counted these events when they were stored, so only where they are changes. Who was
-- erased meanwhile is nobody, and what was taken back does not return.
CREATE FUNCTION restore_events(day date)
RETURNS TABLE (restored bigint, taken_back bigint, erased bigint)
LANGUAGE plpgsql AS $$
BEGIN
    -- No erasure begins before this is committed; its work will find the rows.
    PERFORM erasure_version();
    UPDATE restored_events AS r SET user_id = NULL
      FROM erased_users AS u WHERE u.user_id = r.user_id;
    GET DIAGNOSTICS erased = ROW_COUNT;
    INSERT INTO engagements SELECT * FROM restored_events ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS restored = ROW_COUNT;
    -- Who takes an event back from now on finds its row.
    LOCK TABLE retractions IN SHARE MODE;
    DELETE FROM engagements AS e
     USING restored_events AS r
      JOIN retractions AS t USING (engaged_timestamp, event_id, post_id)
     WHERE e.engaged_timestamp = r.engaged_timestamp AND e.event_id = r.event_id;
    GET DIAGNOSTICS taken_back = ROW_COUNT;
    restored := restored - taken_back;
    UPDATE expired_partitions AS x SET rows = x.rows - restored WHERE x.day = restore_events.day;
    DELETE FROM expired_partitions AS x WHERE x.day = restore_events.day AND x.rows = 0;
    UPDATE archived_partitions AS a SET restored_timestamp = now()
     WHERE a.day = restore_events.day AND a.restored_timestamp IS NULL;
    RETURN NEXT;
END $$;

REVOKE EXECUTE ON FUNCTION day_fingerprint(date),
    drop_archived_partition(date, bigint, numeric, integer, bigint, text),
    begin_restore(date, date), restore_events(date) FROM PUBLIC;
GRANT SELECT ON archived_partitions TO engage_refresher, engage_eraser;
GRANT EXECUTE ON FUNCTION day_fingerprint(date),
    drop_archived_partition(date, bigint, numeric, integer, bigint, text) TO engage_refresher;
