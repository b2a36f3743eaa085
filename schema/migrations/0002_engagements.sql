-- The events, one partition a UTC day, and the functions that make and drop partitions.
-- Locks nothing that exists. Not safe to run twice; the runner never does.

CREATE TYPE engagement_type AS ENUM ('view', 'like', 'comment', 'share');

-- The primary key is the event's identity. No foreign key to posts: an event may come first.
CREATE TABLE engagements (
    event_id            uuid NOT NULL,
    post_id             bigint NOT NULL,
    user_id             bigint,
    type                engagement_type NOT NULL,
    engaged_timestamp   timestamptz NOT NULL,
    received_timestamp  timestamptz NOT NULL,
    PRIMARY KEY (engaged_timestamp, event_id)
) PARTITION BY RANGE (engaged_timestamp);

-- For engagement.sql: the engagements of a post since an instant.
CREATE INDEX idx_engagements_post_timestamp ON engagements (post_id, engaged_timestamp);

-- What expired, so that the ledger still balances when a partition is gone.
CREATE TABLE expired_partitions (
    day                date PRIMARY KEY,
    rows               bigint NOT NULL CHECK (rows >= 0),
    dropped_timestamp  timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION partition_name(day date) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 'engagements_' || to_char(day, 'YYYYMMDD');

CREATE VIEW engagement_partitions AS
SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day, c.relname::text AS name, c.oid AS relation
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'engagements'::regclass;

-- A query, not to_regclass: that reads a cache which waiting for an advisory lock does not renew.
CREATE FUNCTION has_partition(day date) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM engagement_partitions AS p WHERE p.day = has_partition.day);
END $$;

-- Create the day's partition unless it is there. Standalone, then ATTACH: CREATE ... PARTITION OF
-- would lock the parent against every reader and writer. The bounds keep a forged time of receipt
-- from filling the schema: 22008 counts as an error of the data.
CREATE FUNCTION ensure_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := partition_name(day);
BEGIN
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
    EXECUTE format(
        'CREATE TABLE %I (LIKE engagements INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES,'
        ' CONSTRAINT bounds CHECK (engaged_timestamp >= %L AND engaged_timestamp < %L))',
        name, day::timestamptz, (day + 1)::timestamptz);
    EXECUTE format('ALTER TABLE engagements ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   name, day::timestamptz, (day + 1)::timestamptz);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT bounds', name);
    RETURN true;
END $$;

-- Drop a day that is past retention and remember how many rows went; null: there was none.
CREATE FUNCTION drop_partition(day date) RETURNS bigint
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
    RETURN gone;
END $$;

-- Statistics of the parent, which autovacuum never gathers.
CREATE FUNCTION analyze_engagements() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    ANALYZE engagements;
END $$;
