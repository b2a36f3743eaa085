-- The materialized view of the reports, its refresh, and the refresh's own record.
-- Locks nothing that exists. Not safe to run twice; the runner never does.

CREATE MATERIALIZED VIEW engagement_stats AS
SELECT p.post_id,
       p.author_id,
       p.category,
       p.title,
       p.publish_timestamp,
       coalesce(t.views, 0)                                        AS view_count,
       coalesce(t.likes, 0)                                        AS like_count,
       coalesce(t.comments, 0)                                     AS comment_count,
       coalesce(t.shares, 0)                                       AS share_count,
       coalesce(t.views + t.likes + t.comments + t.shares, 0)      AS total_engagements
  FROM posts AS p
  LEFT JOIN post_totals AS t USING (post_id);

-- REFRESH ... CONCURRENTLY needs a unique index over all rows.
CREATE UNIQUE INDEX idx_engagement_stats_post ON engagement_stats (post_id);

-- One row: what the view shows, and from when.
CREATE TABLE stats_refresh (
    refresh_id           bigint NOT NULL,
    data_as_of           timestamptz NOT NULL,
    refreshed_timestamp  timestamptz NOT NULL,
    duration_seconds     double precision NOT NULL,
    stored               numeric NOT NULL,
    catalogue_version    bigint NOT NULL
);
CREATE UNIQUE INDEX stats_refresh_single ON stats_refresh ((true));
INSERT INTO stats_refresh VALUES (0, '-infinity', '-infinity', 0, -1, -1);

-- Refresh the view if something changed since the last time. Runs as the view's owner, so the
-- caller needs no rights on it. The lock ends with the transaction and cannot leak.
-- 'busy': another session is at it; 'unchanged': nothing to do; 'refreshed'.
CREATE FUNCTION refresh_engagement_stats(force boolean DEFAULT false) RETURNS text
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
    SELECT coalesce(sum(o.stored), 0) + (SELECT replayed FROM ledger_totals)
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
