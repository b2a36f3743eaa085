-- stats_view_age: age of the data in engagement_stats
--
-- One row: seconds, or null before the first refresh.
SELECT extract(epoch FROM now() - data_as_of)::double precision AS seconds
  FROM stats_refresh
 WHERE isfinite(data_as_of);
