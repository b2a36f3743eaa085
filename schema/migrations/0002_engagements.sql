-- The events, in one partition per UTC day, and the functions that create and drop partitions.
-- docs/decisions/0015-expired-days.md

CREATE TYPE engagement_type AS ENUM ('view', 'like', 'comment', 'share');

-- The primary key is the identity of an event. No foreign key to posts: an event may arrive first.
CREATE TABLE engagements (
    event_id            uuid NOT NULL,
    post_id             bigint NOT NULL,
    user_id             bigint,
    type                engagement_type NOT NULL,
    engaged_timestamp   timestamptz NOT NULL,
    received_timestamp  timestamptz NOT NULL,
    PRIMARY KEY (engaged_timestamp, event_id)
) PARTITION BY RANGE (engaged_timestamp);
COMMENT ON TABLE engagements IS 'Stored events, partitioned by UTC day of engaged_timestamp.';

-- For engagement.sql: the engagements of a post since an instant.
CREATE INDEX idx_engagements_post_timestamp ON engagements (post_id, engaged_timestamp);

CREATE TABLE expired_partitions (
    day                date PRIMARY KEY,
    rows               bigint NOT NULL CHECK (rows >= 0),
    dropped_timestamp  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE expired_partitions IS
    'Days whose partitions were dropped, with their number of rows: the ledger counts them.';

CREATE TABLE archived_partitions (
    day                 date NOT NULL,
    part                integer NOT NULL CHECK (part > 0),
    rows                bigint NOT NULL CHECK (rows > 0),
    bytes               bigint NOT NULL,
    sha256              text NOT NULL,
    -- Set while the file is being replaced: the file has either digest.
    replacement_sha256  text,
    archived_timestamp  timestamptz NOT NULL DEFAULT now(),
    restored_timestamp  timestamptz,
    keep_until          date,
    PRIMARY KEY (day, part)
);
COMMENT ON TABLE archived_partitions IS
    'Files of the archive. A day has one part, or more if it was restored, received events and'
    ' expired again. A restored day stays in engagements until keep_until.';

CREATE FUNCTION partition_name(day date) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 'engagements_' || to_char(day, 'YYYYMMDD');

-- The CASE keeps to_date from reading other names, whatever the order of the plan.
CREATE VIEW engagement_partitions AS
SELECT CASE WHEN c.relname ~ '^engagements_[0-9]{8}$'
            THEN to_date(right(c.relname, 8), 'YYYYMMDD')
        END AS day,
       c.relname::text AS name, c.oid AS relation
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'engagements'::regclass;
COMMENT ON VIEW engagement_partitions IS 'Daily partitions of engagements.';

-- A query, not to_regclass(), whose cache is not invalidated by waiting for an advisory lock.
CREATE FUNCTION has_partition(day date) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM engagement_partitions AS p WHERE p.day = has_partition.day);
END $$;

-- Whether the day was restored without some of its events. The identities of the missing ones are
-- lost, so an event that is read from the log again would count twice.
CREATE FUNCTION is_incomplete_day(day date) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM engagement_partitions AS p JOIN pg_trigger AS t ON t.tgrelid = p.relation
                    WHERE p.day = is_incomplete_day.day AND t.tgname = 'reject_events');
END $$;

-- Trigger of incomplete days. A consumer that gets a 23514 calls ensure_partition for the reason.
CREATE FUNCTION reject_event() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the day of this event has expired' USING ERRCODE = 'check_violation';
END $$;

-- Create the day's table without attaching it: CREATE TABLE ... PARTITION OF would lock
-- engagements against every reader and writer.
CREATE FUNCTION create_partition_table(day date) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    EXECUTE format(
        'CREATE TABLE %I (LIKE engagements INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES,'
        ' CONSTRAINT bounds CHECK (engaged_timestamp >= %L AND engaged_timestamp < %L))',
        partition_name(day), day::timestamptz, (day + 1)::timestamptz);
END $$;

-- Attach the day's table. Its CHECK constraint spares ATTACH a scan.
CREATE FUNCTION attach_partition_table(day date) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := partition_name(day);
BEGIN
    EXECUTE format('ALTER TABLE engagements ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   name, day::timestamptz, (day + 1)::timestamptz);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT bounds', name);
END $$;

-- Create the day's partition unless it exists. Errors:
--   22008  the day is out of bounds: a forged received_timestamp must not create tables
--   XE001  the day has expired, and was not restored or not completely
--   55P03  another session holds a lock on engagements: try again later
CREATE FUNCTION ensure_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC'
SET lock_timeout = '200ms' AS $$
BEGIN
    IF is_incomplete_day(day) THEN
        RAISE EXCEPTION 'no events of %: the day was restored without some of its events', day
            USING ERRCODE = 'XE001';
    END IF;
    IF day < DATE '2000-01-01' OR day > current_date + 8 THEN
        RAISE EXCEPTION 'no partition for %: outside 2000-01-01 .. today + 8 days', day
            USING ERRCODE = 'datetime_field_overflow';
    END IF;
    IF has_partition(day) THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('engagements.partitions'));
    IF has_partition(day) THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM expired_partitions AS e WHERE e.day = ensure_partition.day) THEN
        RAISE EXCEPTION 'no partition for %: the day has expired', day USING ERRCODE = 'XE001';
    END IF;
    -- The lock that ATTACH takes, before creating anything that a timeout would roll back.
    LOCK TABLE ONLY engagements IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM create_partition_table(day);
    PERFORM attach_partition_table(day);
    RETURN true;
END $$;

-- Drop the day's partition and add its rows to expired_partitions. Returns the number of rows, or
-- null if there is no such partition.
CREATE FUNCTION drop_partition(day date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := partition_name(day);
    dropped_rows bigint;
BEGIN
    IF NOT has_partition(day) THEN
        RETURN NULL;
    END IF;
    -- Blocks writers, not readers. Fails when another session has just dropped the table.
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', name);
    EXECUTE format('SELECT count(*) FROM %I', name) INTO dropped_rows;
    PERFORM pg_advisory_xact_lock(hashtext('engagements.partitions'));
    EXECUTE format('ALTER TABLE engagements DETACH PARTITION %I', name);
    EXECUTE format('DROP TABLE %I', name);
    INSERT INTO expired_partitions AS e (day, rows) VALUES (drop_partition.day, dropped_rows)
        ON CONFLICT ON CONSTRAINT expired_partitions_pkey
        DO UPDATE SET rows = e.rows + excluded.rows, dropped_timestamp = now();
    UPDATE archived_partitions AS a SET restored_timestamp = NULL, keep_until = NULL
     WHERE a.day = drop_partition.day;
    UPDATE sealed_days AS s SET state = 'obsolete' WHERE s.day = drop_partition.day;
    RETURN dropped_rows;
END $$;

-- Update the planner statistics of one partition. Conflicts with other maintenance of that
-- partition only. 55P03: another session holds a lock on it.
CREATE FUNCTION analyze_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    IF has_partition(day) THEN
        EXECUTE format('ANALYZE %I', partition_name(day));
    END IF;
END $$;

-- Update the planner statistics of the whole table, which autovacuum never does: numbers of
-- distinct posts and users decide how rows are grouped and joined. No partition can be attached
-- meanwhile, so the caller cancels it when another session waits.
CREATE FUNCTION analyze_engagements() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    IF current_setting('server_version_num')::integer >= 180000 THEN
        EXECUTE 'ANALYZE ONLY engagements';
    ELSE
        EXECUTE 'ANALYZE engagements';
    END IF;
END $$;
