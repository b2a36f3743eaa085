-- refresh_now: refresh engagement_stats, whether or not something changed
--
-- One row: refreshed; or busy, when another session is at it.
SELECT refresh_engagement_stats(true) AS outcome;
