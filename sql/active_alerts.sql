-- active_alerts: alerts that are active now
--
-- :max_age_seconds  int  age of the last health check above which its absence is an alert itself
--
-- One row per alert, oldest first.
SELECT name, subject, severity, detail, raised_timestamp
  FROM alerts
 UNION ALL
SELECT 'health_checks_stopped', '', 'warning',
       'the refresher has run no health check since ' || checked_timestamp, checked_timestamp
  FROM last_health_check
 WHERE checked_timestamp < now() - make_interval(secs => :max_age_seconds::int)
 ORDER BY raised_timestamp, name, subject;
