-- Counts that the consumer maintains in the transaction that stores the events.
-- docs/decisions/0003-rollups.md

-- fillfactor leaves room for HOT updates: the hot rows change with nearly every batch.
CREATE TABLE post_totals (
    post_id   bigint PRIMARY KEY,
    views     bigint NOT NULL,
    likes     bigint NOT NULL,
    comments  bigint NOT NULL,
    shares    bigint NOT NULL
) WITH (fillfactor = 60);
COMMENT ON TABLE post_totals IS 'Engagements of each post since the beginning, expired days included.';

CREATE TABLE engagements_15m (
    bucket    timestamptz PRIMARY KEY,
    views     bigint NOT NULL,
    likes     bigint NOT NULL,
    comments  bigint NOT NULL,
    shares    bigint NOT NULL
) WITH (fillfactor = 60);
COMMENT ON TABLE engagements_15m IS
    'Engagements of all posts by quarter of an hour (UTC). Offsets of time zones are multiples of'
    ' 15 minutes, so hours and days of every zone are sums of these.';

CREATE TABLE day_revisions (
    day       date PRIMARY KEY,
    revision  bigint NOT NULL
);
COMMENT ON TABLE day_revisions IS
    'How often events of a UTC day were changed without being stored or retracted: erasures, external'
    ' IDs that got another number, restores.';

-- In order of day, so that two sessions never deadlock.
CREATE FUNCTION add_day_revisions(days date[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO day_revisions AS r (day, revision)
    SELECT DISTINCT day, 1 FROM unnest(days) AS day ORDER BY day
        ON CONFLICT (day) DO UPDATE SET revision = r.revision + 1
$$;

CREATE FUNCTION count_updates() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM add_day_revisions(ARRAY(
        SELECT DISTINCT (engaged_timestamp AT TIME ZONE 'UTC')::date FROM updated));
    RETURN NULL;
END $$;

-- Only for UPDATE: the consumer inserts and deletes.
CREATE TRIGGER count_updates AFTER UPDATE ON engagements REFERENCING OLD TABLE AS updated
    FOR EACH STATEMENT EXECUTE FUNCTION count_updates();

-- The UTC days from the first to the last one that have a rollup: their number of events, and a
-- version that changes when any of their events does. Whenever the consumer stores or retracts an
-- event, it rewrites a row of engagements_15m, whose xmin changes.
CREATE FUNCTION day_versions(first date, last date)
RETURNS TABLE (day date, events bigint, version text)
LANGUAGE sql STABLE SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
    SELECT q.day, q.events, q.row_versions || '.' || coalesce(r.revision, 0)
      FROM (SELECT bucket::date AS day, sum(views + likes + comments + shares)::bigint AS events,
                   sum(hash_record_extended(ROW (bucket, b.xmin), 0)) AS row_versions
              FROM engagements_15m AS b
             WHERE bucket >= first::timestamptz AND bucket < (last + 1)::timestamptz
             GROUP BY 1) AS q
      LEFT JOIN day_revisions AS r USING (day)
$$;

CREATE TABLE sealed_days (
    day               date NOT NULL,
    part              integer NOT NULL CHECK (part > 0),
    state             text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'sealed', 'obsolete')),
    version           text,
    rows              bigint CHECK (rows > 0),
    digest            numeric,
    bytes             bigint,
    sha256            text,
    file_sha256       text,
    sealed_timestamp  timestamptz,
    PRIMARY KEY (day, part),
    CONSTRAINT sealed_file_is_described CHECK (
        state <> 'sealed' OR num_nulls(version, rows, digest, bytes, sha256, file_sha256,
                                       sealed_timestamp) = 0)
);
CREATE UNIQUE INDEX idx_sealed_days_sealed ON sealed_days (day) WHERE state = 'sealed';
COMMENT ON TABLE sealed_days IS
    'Parquet files of finished days that are still in engagements. version: that of the events in the'
    ' file, which are those of the day while day_versions has the same. Every file has a row before it'
    ' is created, until it is deleted. part: a random number, so that no file is overwritten, also not'
    ' by a database that was restored from a backup. docs/decisions/0022-sealed-days.md';
