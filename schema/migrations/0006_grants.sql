-- What each role may do, and nothing else. schema/roles.sql makes the roles.
-- Locks nothing that exists. Safe to run twice.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO engage_consumer, engage_refresher, engage_reader;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO engage_consumer, engage_refresher, engage_reader;

GRANT INSERT ON engagements, dead_letters TO engage_consumer;
GRANT INSERT, UPDATE ON post_totals, quarter_hours, consumer_offsets TO engage_consumer;

GRANT EXECUTE ON FUNCTION partition_name(date), ensure_partition(date)
    TO engage_consumer, engage_refresher;
GRANT EXECUTE ON FUNCTION drop_partition(date), analyze_engagements(),
                          refresh_engagement_stats(boolean)
    TO engage_refresher;
