-- view_age: how old is what engagement_stats shows?
--
-- One row: seconds; null before the first refresh.
SELECT extract(epoch FROM now() - data_as_of)::double precision AS seconds
  FROM stats_refresh
 WHERE isfinite(data_as_of);
