-- The materialized view of the reports, counts of posts at equal age, and their refresh.

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
COMMENT ON MATERIALIZED VIEW engagement_stats IS 'The stats view: totals of each post of the catalogue.';

-- REFRESH ... CONCURRENTLY needs a unique index over all rows.
CREATE UNIQUE INDEX idx_engagement_stats_post ON engagement_stats (post_id);
-- For author_trends.sql: the posts of one author.
CREATE INDEX idx_engagement_stats_author ON engagement_stats (author_id);

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
COMMENT ON TABLE stats_refresh IS 'One row: the last refresh of the stats view.';

CREATE VIEW published_stats AS
SELECT s.*
  FROM engagement_stats AS s
 WHERE s.publish_timestamp <= (SELECT data_as_of FROM stats_refresh);
COMMENT ON VIEW published_stats IS
    'The rows of engagement_stats without scheduled posts: those published by its last refresh.';

-- The ages at which posts are compared, in hours. docs/decisions/0010-equal-age.md
CREATE FUNCTION compared_ages() RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{1, 6, 24, 48, 168}'::integer[];

-- Number of these ages that a post has passed.
CREATE FUNCTION ages_passed(published timestamptz, moment timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (published <= moment - interval '1 hour')::integer
     + (published <= moment - interval '6 hours')::integer
     + (published <= moment - interval '24 hours')::integer
     + (published <= moment - interval '48 hours')::integer
     + (published <= moment - interval '168 hours')::integer;

CREATE TABLE first_hours (
    post_id            bigint PRIMARY KEY REFERENCES posts (post_id) ON DELETE CASCADE,
    publish_timestamp  timestamptz NOT NULL,
    ages               integer NOT NULL,
    views              integer[] NOT NULL,
    likes              integer[] NOT NULL,
    comments           integer[] NOT NULL,
    shares             integer[] NOT NULL
) WITH (fillfactor = 80);
COMMENT ON TABLE first_hours IS
    'Engagements of each post until each age that it has passed, ascending. ages: how many these are,'
    ' up to the first that lies in recording gaps by more than a hundredth.';

CREATE TABLE first_hours_state (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    unseen           xid8 NOT NULL,
    recorded_since   timestamptz,
    longest_silence  interval NOT NULL DEFAULT '0'
);
INSERT INTO first_hours_state (unseen) VALUES (pg_snapshot_xmin(pg_current_snapshot()));
COMMENT ON TABLE first_hours_state IS
    'One row. unseen: the oldest transaction that the last refresh may not have seen.'
    ' recorded_since: the time from which first hours are complete, or null without events: all but a'
    ' thousandth of the events are later, and all but a hundredth if nothing happened for long in'
    ' between, as clients that were offline send older ones. longest_silence: in the four weeks after.';

-- Since when is engagement recorded? It rises again when a few old events turn out to be strays. Reads
-- the first hundredth of the events, and four weeks.
CREATE FUNCTION recording(moment timestamptz, OUT since timestamptz, OUT longest_silence interval)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    total float8 := (SELECT sum(views + likes + comments + shares) FROM engagements_15m);
    so_far float8 := 0;
    before timestamptz;
    quarter record;
BEGIN
    FOR quarter IN
        SELECT bucket, views + likes + comments + shares AS events
          FROM engagements_15m
         WHERE views + likes + comments + shares > 0
         ORDER BY bucket
    LOOP
        EXIT WHEN so_far > 0.01 * total;
        -- After a day of silence that is ten times as long as later events are apart.
        IF so_far <= 0.001 * total OR quarter.bucket - before > greatest(
               interval '1 day', 10 * (moment - quarter.bucket) / (total - so_far)) THEN
            since := quarter.bucket;
        END IF;
        so_far := so_far + quarter.events;
        before := quarter.bucket;
    END LOOP;
    SELECT coalesce(max(q.next - q.bucket), '0') INTO longest_silence
      FROM (SELECT bucket, lead(bucket) OVER (ORDER BY bucket) AS next
              FROM engagements_15m
             WHERE views + likes + comments + shares > 0
               AND bucket >= since AND bucket <= since + interval '28 days') AS q;
END $$;

CREATE TABLE recording_gaps (
    start_timestamp  timestamptz PRIMARY KEY,
    end_timestamp    timestamptz NOT NULL CHECK (end_timestamp > start_timestamp)
);
COMMENT ON TABLE recording_gaps IS
    'Periods in which engagement was not recorded, as when ingest was down: an hour or longer without'
    ' any event, where the median of the same hours of the weeks before and after is 50 or more.';

-- Update the gaps: late events fill some. Silences of which the mean rate of all time lets expect fewer
-- than five events are skipped.
CREATE FUNCTION refresh_recording_gaps() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH quarters AS MATERIALIZED (
        SELECT bucket, views + likes + comments + shares AS events
          FROM engagements_15m
         WHERE views + likes + comments + shares > 0
           AND bucket >= (SELECT recorded_since FROM first_hours_state)
    ), recorded AS (
        SELECT min(bucket) AS first, max(bucket) AS last,
               sum(events)::float8 / nullif(extract(epoch FROM max(bucket) - min(bucket)), 0) AS rate
          FROM quarters
    ), silences AS (
        SELECT lag(bucket) OVER (ORDER BY bucket) + interval '15 minutes' AS start, bucket AS until
          FROM quarters
    ), long AS (
        -- Weeks that do not overlap the silence, however long it is.
        SELECT start, until, interval '7 days' * ceil(extract(epoch FROM until - start) / 604800)
               AS step
          FROM silences
         CROSS JOIN recorded AS r
         WHERE until - start >= interval '1 hour'
           AND extract(epoch FROM until - start) * r.rate >= 5
    ), found AS (
        SELECT l.start, l.until
          FROM long AS l
         CROSS JOIN recorded AS r
         CROSS JOIN generate_series(-4, 4) AS k
         CROSS JOIN LATERAL (
               SELECT coalesce(sum(views + likes + comments + shares), 0) AS events
                 FROM engagements_15m
                WHERE bucket >= l.start + k * l.step AND bucket < l.until + k * l.step) AS e
         WHERE k <> 0 AND l.start + k * l.step >= r.first AND l.until + k * l.step <= r.last
         GROUP BY l.start, l.until
        HAVING count(*) >= 3 AND percentile_cont(0.5) WITHIN GROUP (ORDER BY e.events) >= 50
    ), filled AS (
        DELETE FROM recording_gaps AS g
         WHERE NOT EXISTS (SELECT FROM found AS f WHERE f.start = g.start_timestamp)
    )
    INSERT INTO recording_gaps AS g
    SELECT start, until FROM found
        ON CONFLICT (start_timestamp) DO UPDATE SET end_timestamp = excluded.end_timestamp
     WHERE g.end_timestamp <> excluded.end_timestamp;
$$;

-- Number of the ages that a post has passed, up to the first of which more than a hundredth lies in
-- gaps.
CREATE FUNCTION ages_recorded(published timestamptz, moment timestamptz, gaps tstzmultirange)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN gaps && tstzrange(published, published + interval '168 hours')
            THEN least(ages_passed(published, moment), (
                 SELECT coalesce(min(a.place) - 1, 5)
                   FROM unnest(compared_ages()) WITH ORDINALITY AS a (hours, place)
                  CROSS JOIN LATERAL (
                        SELECT tstzrange(published, published + make_interval(hours => a.hours))
                        ) AS l (life)
                  WHERE (SELECT sum(upper(missing) - lower(missing))
                           FROM unnest(gaps * life::tstzmultirange) AS missing)
                        > 0.01 * make_interval(hours => a.hours)))
            ELSE ages_passed(published, moment) END;

-- Count the posts that passed an age since the last refresh, and recount those whose counts may
-- have changed; returns the number of changed rows. Whenever the consumer stores or retracts an
-- event, it rewrites a row of post_totals and one of engagements_15m, and their xmin shows whether
-- the last refresh saw it. So late events are never missed, and events at later ages cost nothing.
-- Counts of expired days stay as they are.
CREATE FUNCTION refresh_first_hours(moment timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    -- In a restored database the transaction may lie in the future: then everything is unseen.
    seen_before integer := (
        SELECT CASE WHEN s.unseen <= pg_snapshot_xmax(pg_current_snapshot())
                    THEN age(s.unseen::xid) ELSE 2147483647 END
          FROM first_hours_state AS s);
    unseen_now xid8 := pg_snapshot_xmin(pg_current_snapshot());
    since timestamptz;
    silence interval;
    changed tstzmultirange;
    gaps tstzmultirange := (
        SELECT range_agg(tstzrange(start_timestamp, end_timestamp)) FROM recording_gaps);
    due record;
    counted bigint;
BEGIN
    SELECT range_agg(tstzrange(q.bucket, q.bucket + interval '15 minutes')) INTO changed
      FROM engagements_15m AS q
     WHERE age(q.xmin) <= seen_before;
    SELECT r.since, r.longest_silence INTO since, silence FROM recording(moment) AS r;
    IF since > (SELECT s.recorded_since FROM first_hours_state AS s) THEN
        DELETE FROM first_hours AS f WHERE f.publish_timestamp < since;
    END IF;
    -- In order of publishing, so that posts of the same days find their events in memory.
    SELECT array_agg(p.post_id ORDER BY p.publish_timestamp)         AS posts,
           array_agg(p.publish_timestamp ORDER BY p.publish_timestamp) AS published
      INTO due
      FROM posts AS p
      LEFT JOIN first_hours AS f USING (post_id)
      LEFT JOIN post_totals AS t USING (post_id)
     WHERE p.publish_timestamp <= moment - interval '1 hour'
       AND p.publish_timestamp >= greatest(since, (SELECT max(e.day) + 1
               FROM expired_partitions AS e)::timestamp AT TIME ZONE 'UTC')
       AND (f.post_id IS NULL
            OR f.publish_timestamp <> p.publish_timestamp
            OR (f.ages < 5 AND f.ages < ages_recorded(p.publish_timestamp, moment, gaps))
            OR (gaps && tstzrange(p.publish_timestamp, p.publish_timestamp + interval '168 hours')
                AND f.ages > ages_recorded(p.publish_timestamp, moment, gaps))
            OR (age(t.xmin) <= seen_before
                AND changed && tstzrange(p.publish_timestamp,
                                         p.publish_timestamp + interval '168 hours')));
    -- Use the index on small partitions as well: there are many of them.
    PERFORM set_config('enable_seqscan', 'off', true);
    INSERT INTO first_hours AS f
    SELECT d.post_id, d.published, d.ages,
           e.views[:d.ages], e.likes[:d.ages], e.comments[:d.ages], e.shares[:d.ages]
      FROM (SELECT u.post_id, u.published, ages_recorded(u.published, moment, gaps) AS ages
              FROM unnest(due.posts, due.published) AS u (post_id, published)) AS d
     CROSS JOIN LATERAL (
           SELECT coalesce(max(until) FILTER (WHERE type = 'view'),    '{0,0,0,0,0}') AS views,
                  coalesce(max(until) FILTER (WHERE type = 'like'),    '{0,0,0,0,0}') AS likes,
                  coalesce(max(until) FILTER (WHERE type = 'comment'), '{0,0,0,0,0}') AS comments,
                  coalesce(max(until) FILTER (WHERE type = 'share'),   '{0,0,0,0,0}') AS shares
             FROM (SELECT type, ARRAY[
                              count(*) FILTER (WHERE age < interval '1 hour'),
                              count(*) FILTER (WHERE age < interval '6 hours'),
                              count(*) FILTER (WHERE age < interval '24 hours'),
                              count(*) FILTER (WHERE age < interval '48 hours'),
                              count(*)]::integer[] AS until
                     FROM (SELECT type, engaged_timestamp - d.published AS age
                             FROM engagements
                            WHERE post_id = d.post_id
                              AND engaged_timestamp >= d.published
                              AND engaged_timestamp < d.published + interval '168 hours') AS event
                    GROUP BY type) AS of_type) AS e
        ON CONFLICT (post_id) DO UPDATE
       SET publish_timestamp = excluded.publish_timestamp, ages = excluded.ages,
           views = excluded.views, likes = excluded.likes,
           comments = excluded.comments, shares = excluded.shares
     WHERE (f.publish_timestamp, f.ages, f.views, f.likes, f.comments, f.shares) IS DISTINCT FROM
           (excluded.publish_timestamp, excluded.ages,
            excluded.views, excluded.likes, excluded.comments, excluded.shares);
    GET DIAGNOSTICS counted = ROW_COUNT;
    PERFORM set_config('enable_seqscan', 'on', true);
    UPDATE first_hours_state
       SET unseen = unseen_now, recorded_since = since, longest_silence = silence;
    RETURN counted;
END $$;

-- Refresh the view if anything changed since the last time. Runs as the view's owner, so the caller
-- needs no rights on it. The lock ends with the transaction and cannot leak. Returns 'refreshed',
-- 'unchanged', or 'busy' when another session refreshes it.
CREATE FUNCTION refresh_engagement_stats(force boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last stats_refresh;
    stored_now numeric;
    catalogue_now bigint;
    counted bigint;
    began timestamptz := clock_timestamp();
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('engagement_stats.refresh')) THEN
        RETURN 'busy';
    END IF;
    SELECT * INTO last FROM stats_refresh;
    -- Read before the snapshot of the view: changes in between are shown early, never late.
    SELECT coalesce(sum(o.stored + o.skipped), 0) + (SELECT replayed FROM ledger_totals)
      INTO stored_now FROM consumer_offsets AS o;
    SELECT version INTO catalogue_now FROM catalogue_version;
    counted := refresh_first_hours(began);
    IF NOT force AND counted = 0
       AND stored_now = last.stored AND catalogue_now = last.catalogue_version THEN
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

-- The posts that match the filters of a report. '', 0 and null match every post. A plain SQL
-- function, so that the planner can inline it.
CREATE FUNCTION matching_posts(
    only_category text, only_author bigint, only_tag text, only_promoted boolean)
RETURNS TABLE (post_id bigint, author_id bigint, category text, publish_timestamp timestamptz,
               title text, content_length integer, has_media boolean, tags text[],
               is_promoted boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.post_id, p.author_id, p.category, p.publish_timestamp, p.title, p.content_length,
           p.has_media, coalesce(m.tags, '{}'), coalesce(m.is_promoted, false)
      FROM posts AS p
      LEFT JOIN post_metadata AS m USING (post_id)
     WHERE (only_category = '' OR p.category = only_category)
       AND (only_author = 0 OR p.author_id = only_author)
       AND (only_tag = '' OR m.tags @> ARRAY[only_tag])
       AND (only_promoted IS NULL OR coalesce(m.is_promoted, false) = only_promoted)
$$;

-- The posts whose events of this age were all recorded, and are stored. A plain SQL function, so that
-- the planner can inline it.
CREATE FUNCTION recorded_posts(age interval)
RETURNS SETOF posts
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.*
      FROM posts AS p
      JOIN first_hours_state AS s ON p.publish_timestamp >= s.recorded_since
     WHERE p.publish_timestamp >= coalesce(
           (SELECT max(day) + 1 FROM expired_partitions)::timestamp AT TIME ZONE 'UTC', '-infinity')
       AND NOT EXISTS (
           SELECT FROM recording_gaps AS g
            WHERE g.start_timestamp < p.publish_timestamp + age
              AND g.end_timestamp > p.publish_timestamp)
$$;

-- Engagements with posts of the catalogue by quarter of an hour: engagements_15m also counts events of
-- posts that the catalogue does not have, which are few. Of expired days these are no longer known. The
-- arguments are multiples of 15 minutes. A plain SQL function, so that the planner can inline it.
CREATE FUNCTION catalogue_engagements_15m(since timestamptz, until timestamptz)
RETURNS TABLE (bucket timestamptz, views bigint, likes bigint, comments bigint, shares bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT bucket, sum(views)::bigint, sum(likes)::bigint, sum(comments)::bigint, sum(shares)::bigint
      FROM (SELECT bucket, views, likes, comments, shares
              FROM engagements_15m
             WHERE bucket >= since AND bucket < until
            UNION ALL
            SELECT e.bucket, -e.views, -e.likes, -e.comments, -e.shares
              FROM post_totals AS unknown
             CROSS JOIN LATERAL (
                   SELECT date_bin('15 minutes', engaged_timestamp, 'epoch'::timestamptz) AS bucket,
                          count(*) FILTER (WHERE type = 'view')    AS views,
                          count(*) FILTER (WHERE type = 'like')    AS likes,
                          count(*) FILTER (WHERE type = 'comment') AS comments,
                          count(*) FILTER (WHERE type = 'share')   AS shares
                     FROM engagements
                    WHERE post_id = unknown.post_id
                      AND engaged_timestamp >= since
                      AND engaged_timestamp < until
                    GROUP BY 1) AS e
             WHERE NOT EXISTS (SELECT FROM posts AS p WHERE p.post_id = unknown.post_id)) AS q
     GROUP BY bucket
    HAVING sum(views + likes + comments + shares) > 0
$$;

-- The posts that match the filters and have passed an age (one of compared_ages()), with their
-- engagements until then, by the types that count.
CREATE FUNCTION posts_at_age(
    only_category text, only_author bigint, only_tag text, only_promoted boolean,
    hours integer, types engagement_type[])
RETURNS TABLE (post_id bigint, author_id bigint, category text, publish_timestamp timestamptz,
               title text, content_length integer, has_media boolean, tags text[],
               is_promoted boolean, views integer, likes integer, comments integer,
               shares integer, engagements integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.*, e.views, e.likes, e.comments, e.shares,
           e.views + e.likes + e.comments + e.shares AS engagements
      FROM (SELECT array_position(compared_ages(), hours) AS place) AS a
     CROSS JOIN matching_posts(only_category, only_author, only_tag, only_promoted) AS p
      JOIN first_hours AS f ON f.post_id = p.post_id AND f.ages >= a.place
     CROSS JOIN LATERAL (
           SELECT CASE WHEN 'view'    = ANY (types) THEN f.views[a.place]    ELSE 0 END AS views,
                  CASE WHEN 'like'    = ANY (types) THEN f.likes[a.place]    ELSE 0 END AS likes,
                  CASE WHEN 'comment' = ANY (types) THEN f.comments[a.place] ELSE 0 END AS comments,
                  CASE WHEN 'share'   = ANY (types) THEN f.shares[a.place]   ELSE 0 END AS shares
           ) AS e
$$;
