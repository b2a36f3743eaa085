-- refresh_stats_view: refresh engagement_stats, whether or not anything changed
--
-- One row: 'refreshed', or 'busy' when another session refreshes it.
SELECT refresh_engagement_stats(true) AS outcome;
