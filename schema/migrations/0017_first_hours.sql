-- What posts earned until they were an hour, a day, a week old: every comparison at equal age.
-- Locks nothing that exists. Not safe to run twice; the runner never does.
-- docs/decisions/0010-equal-age.md

-- The ages at which posts are compared, in hours.
CREATE FUNCTION compared_ages() RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{1, 6, 24, 48, 168}'::integer[];

-- How many of them a post has passed.
CREATE FUNCTION ages_passed(published timestamptz, moment timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (published <= moment - interval '1 hour')::integer
     + (published <= moment - interval '6 hours')::integer
     + (published <= moment - interval '24 hours')::integer
     + (published <= moment - interval '48 hours')::integer
     + (published <= moment - interval '168 hours')::integer;

-- Engagements of a post until each age that it has passed, ascending; ages: how many these are.
CREATE TABLE first_hours (
    post_id            bigint PRIMARY KEY REFERENCES posts (post_id) ON DELETE CASCADE,
    publish_timestamp  timestamptz NOT NULL,
    ages               integer NOT NULL,
    views              integer[] NOT NULL,
    likes              integer[] NOT NULL,
    comments           integer[] NOT NULL,
    shares             integer[] NOT NULL
) WITH (fillfactor = 80);

-- unseen: the oldest transaction that the last refresh may not have seen. recorded_since: posts
-- published before have first hours that nobody recorded; all but a thousandth of the events are
-- younger, as clients that were offline send older ones. Null: there are none.
CREATE TABLE first_hours_state (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    unseen          xid8 NOT NULL,
    recorded_since  timestamptz
);
INSERT INTO first_hours_state (unseen) VALUES (pg_snapshot_xmin(pg_current_snapshot()));

-- Count posts that passed an age since the last time, and anew those whose counts may have changed;
-- returns how many changed. Whatever the consumer stores or takes back, it rewrites the rows of the
-- post and of the quarter of an hour in its rollups; their transaction tells whether that was seen.
-- So nothing is missed however late it comes, and what happens at later ages costs nothing.
-- What was counted of days that expired stays as it is.
CREATE FUNCTION refresh_first_hours(moment timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    -- In a restored database the transaction may be one that is still to come: all is unseen.
    seen_before integer := (
        SELECT CASE WHEN s.unseen <= pg_snapshot_xmax(pg_current_snapshot())
                    THEN age(s.unseen::xid) ELSE 2147483647 END
          FROM first_hours_state AS s);
    unseen_now xid8 := pg_snapshot_xmin(pg_current_snapshot());
    since timestamptz := (SELECT s.recorded_since FROM first_hours_state AS s);
    changed tstzmultirange;
    due record;
    counted bigint;
BEGIN
    SELECT range_agg(tstzrange(q.quarter, q.quarter + interval '15 minutes')) INTO changed
      FROM quarter_hours AS q
     WHERE age(q.xmin) <= seen_before;
    IF since IS NULL OR lower(changed) < since THEN
        SELECT least(since, min(q.quarter)) INTO since
          FROM (SELECT quarter, sum(events) OVER (ORDER BY quarter) AS so_far,
                       sum(events) OVER () AS total
                  FROM (SELECT quarter, views + likes + comments + shares AS events
                          FROM quarter_hours) AS counted) AS q
         WHERE q.so_far > 0.001 * q.total;
    END IF;
    -- Posts of the same days one after the other find their events in memory.
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
            OR (f.ages < 5 AND f.ages < ages_passed(p.publish_timestamp, moment))
            OR (age(t.xmin) <= seen_before
                AND changed && tstzrange(p.publish_timestamp,
                                         p.publish_timestamp + interval '168 hours')));
    -- The index also where a day is small: there are many days to look into.
    PERFORM set_config('enable_seqscan', 'off', true);
    INSERT INTO first_hours AS f
    SELECT d.post_id, d.published, d.ages,
           e.views[:d.ages], e.likes[:d.ages], e.comments[:d.ages], e.shares[:d.ages]
      FROM (SELECT u.post_id, u.published, ages_passed(u.published, moment) AS ages
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
    UPDATE first_hours_state SET unseen = unseen_now, recorded_since = since;
    RETURN counted;
END $$;

-- The posts that a report's filters choose and that passed an age, with what they had earned then
-- by the types that count. None for hours that are none of compared_ages().
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
     CROSS JOIN chosen_posts(only_category, only_author, only_tag, only_promoted) AS p
      JOIN first_hours AS f ON f.post_id = p.post_id AND f.ages >= a.place
     CROSS JOIN LATERAL (
           SELECT CASE WHEN 'view'    = ANY (types) THEN f.views[a.place]    ELSE 0 END AS views,
                  CASE WHEN 'like'    = ANY (types) THEN f.likes[a.place]    ELSE 0 END AS likes,
                  CASE WHEN 'comment' = ANY (types) THEN f.comments[a.place] ELSE 0 END AS comments,
                  CASE WHEN 'share'   = ANY (types) THEN f.shares[a.place]   ELSE 0 END AS shares
           ) AS e
$$;

-- As before, and what posts earned at each age belongs to what the reports show.
CREATE OR REPLACE FUNCTION refresh_engagement_stats(force boolean DEFAULT false) RETURNS text
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
    -- Read before the view's own snapshot: what comes between shows early, never late.
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

GRANT SELECT ON first_hours, first_hours_state TO engage_consumer, engage_refresher, engage_reader;
REVOKE EXECUTE ON FUNCTION compared_ages(), ages_passed(timestamptz, timestamptz),
    refresh_first_hours(timestamptz),
    posts_at_age(text, bigint, text, boolean, integer, engagement_type[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION compared_ages(),
    posts_at_age(text, bigint, text, boolean, integer, engagement_type[]) TO engage_reader;
