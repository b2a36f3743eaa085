-- Privileges of the services' roles (schema/roles.sql), and no others.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public
    TO engage_consumer, engage_refresher, engage_reader, engage_editor, engage_eraser;

-- What all three services of the pipeline read: nothing that identifies erased users.
GRANT SELECT ON authors, posts, post_metadata, users, deleted_posts, catalogue_version,
                engagements, engagement_partitions, expired_partitions, post_totals,
                engagements_15m, consumer_offsets, dead_letters, dead_letter_replays, ledger_totals,
                retractions,
                external_ids, engagement_stats, stats_refresh, first_hours, first_hours_state,
                recording_gaps, day_revisions, sealed_days, alerts, last_health_check, schema_migrations
    TO engage_consumer, engage_refresher, engage_reader;

GRANT SELECT ON erasure_state, erased_users, erased_external_ids TO engage_consumer;
GRANT INSERT ON engagements, dead_letters TO engage_consumer;
GRANT INSERT, UPDATE ON post_totals, engagements_15m, consumer_offsets TO engage_consumer;
GRANT EXECUTE ON FUNCTION
    partition_name(date), has_partition(date), ensure_partition(date), erasure_version(),
    external_id_stamp(), resolve_external_ids(text, text[]),
    retract_events(timestamptz[], uuid[], bigint[], timestamptz[])
    TO engage_consumer;

GRANT SELECT ON archived_partitions TO engage_refresher;
GRANT INSERT, UPDATE, DELETE ON alerts, sealed_days TO engage_refresher;
GRANT UPDATE ON last_health_check TO engage_refresher;
GRANT EXECUTE ON FUNCTION
    partition_name(date), ensure_partition(date), drop_partition(date), analyze_partition(date),
    analyze_engagements(), refresh_engagement_stats(boolean), refresh_search(), refresh_recording_gaps(),
    day_fingerprint(date),
    drop_archived_partition(date, bigint, numeric, integer, bigint, text), day_versions(date, date)
    TO engage_refresher;

GRANT SELECT ON annotations, experiments, experiment_authors, published_stats, catalogue_tags, catalogue_words
    TO engage_reader;
GRANT EXECUTE ON FUNCTION
    search_words(text), search_vector(text), trigrams(text), compared_ages(), matching_posts(text, bigint, text, boolean),
    posts_at_age(text, bigint, text, boolean, integer, engagement_type[]),
    catalogue_engagements_15m(timestamptz, timestamptz), recorded_posts(interval), day_versions(date, date)
    TO engage_reader;

GRANT SELECT, INSERT, UPDATE, DELETE ON authors, posts, post_metadata, users, deleted_posts
    TO engage_editor;
-- Used by indexes.
GRANT EXECUTE ON FUNCTION search_words(text), search_vector(text) TO engage_editor;
GRANT SELECT, DELETE ON external_ids TO engage_editor;
GRANT EXECUTE ON FUNCTION
    find_erased(bigint[], text[]), move_external_id(text, text, bigint),
    resolve_external_ids(text, text[])
    TO engage_editor;

-- The eraser reads all data of a user, and changes them through functions only.
GRANT SELECT ON engagements, engagement_partitions, archived_partitions, dead_letters, users,
                external_ids, erasure_state, erasures, erased_users, erased_external_ids,
                user_exports
    TO engage_eraser;
GRANT INSERT (requested_by, user_id), UPDATE (finished_timestamp, events, dead_letters)
    ON user_exports TO engage_eraser;
GRANT EXECUTE ON FUNCTION
    begin_erasure(bigint, text, text, bigint), erase_day(bigint, date),
    redact_dead_letter(bigint, bigint, bytea, bytea, text), finish_erasure(bigint)
    TO engage_eraser;
