-- Days in Parquet files, and the restore of expired ones. docs/decisions/0013-archive.md

-- Number of events of a day and a digest of them, which changes when any of them does.
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

-- Drop a day whose events are in a file that was read back; null: there is no such partition. The
-- file replaces those that were restored. 40001: events changed since the file was written.
CREATE FUNCTION drop_archived_partition(day date, expected_rows bigint,
                                                   expected_digest numeric, part integer,
                                                   bytes bigint, sha256 text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    found record;
BEGIN
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

-- Move the events that were copied into the session's restored_events back into engagements.
-- Rollups and ledger counted them when they were stored, so only their place changes. The partition
-- is attached when it is complete: no consumer sees it empty and stores its events again. Events get
-- the current numbers of their posts and users, events of erased users return without a user, and
-- retracted events do not return. A day that returns without some of its events takes no others.
CREATE FUNCTION restore_events(day date, keep_until date)
RETURNS TABLE (restored bigint, retracted bigint, erased bigint)
LANGUAGE plpgsql AS $$
DECLARE
    is_absent boolean := NOT has_partition(day);
    target text := CASE WHEN is_absent THEN partition_name(day) ELSE 'engagements' END;
BEGIN
    -- No erasure begins before the commit, and a later one finds the rows.
    PERFORM erasure_version();
    UPDATE restored_events AS r SET user_id = NULL
      FROM erased_users AS u WHERE u.user_id = r.user_id;
    GET DIAGNOSTICS erased = ROW_COUNT;
    UPDATE restored_events AS r SET user_id = m.id
      FROM moved_ids AS m WHERE m.kind = 'user' AND m.old_id = r.user_id;
    UPDATE restored_events AS r SET post_id = m.id
      FROM moved_ids AS m WHERE m.kind = 'post' AND m.old_id = r.post_id;
    IF is_absent THEN
        PERFORM create_partition_table(day);
    END IF;
    EXECUTE format('INSERT INTO %I SELECT * FROM restored_events ON CONFLICT DO NOTHING', target);
    GET DIAGNOSTICS restored = ROW_COUNT;
    -- Before the lock on retractions, for which consumers wait: this one may take long.
    LOCK TABLE ONLY engagements IN SHARE UPDATE EXCLUSIVE MODE;
    -- A retraction that comes later finds the row.
    LOCK TABLE retractions IN SHARE MODE;
    EXECUTE format(
        'DELETE FROM %I AS e'
        ' USING restored_events AS r JOIN retractions USING (engaged_timestamp, event_id, post_id)'
        ' WHERE e.engaged_timestamp = r.engaged_timestamp AND e.event_id = r.event_id', target);
    GET DIAGNOSTICS retracted = ROW_COUNT;
    IF is_absent THEN
        PERFORM attach_partition_table(day);
    END IF;
    restored := restored - retracted;
    IF is_absent AND restored + retracted < (SELECT x.rows FROM expired_partitions AS x
                                               WHERE x.day = restore_events.day) THEN
        EXECUTE format('CREATE TRIGGER reject_events BEFORE INSERT ON %I'
                       ' FOR EACH ROW EXECUTE FUNCTION reject_event()', target);
    END IF;
    UPDATE expired_partitions AS x SET rows = x.rows - restored WHERE x.day = restore_events.day;
    DELETE FROM expired_partitions AS x WHERE x.day = restore_events.day AND x.rows = 0;
    UPDATE archived_partitions AS a
       SET restored_timestamp = coalesce(a.restored_timestamp, now()),
           keep_until = restore_events.keep_until
     WHERE a.day = restore_events.day;
    PERFORM add_day_revisions(ARRAY[day]);
    RETURN NEXT;
END $$;
