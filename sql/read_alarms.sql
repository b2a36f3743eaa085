-- read_alarms: what is wrong at this moment?
--
-- :watch_seconds  int  a watch that did not look for so long is itself an alarm
--
-- One row an alarm, the oldest first.
SELECT alarm, subject, detail, raised_timestamp
  FROM alarms
 UNION ALL
SELECT 'unwatched', '', 'the refresher has not looked since ' || looked_timestamp, looked_timestamp
  FROM alarm_watch
 WHERE looked_timestamp < now() - make_interval(secs => :watch_seconds::int)
 ORDER BY raised_timestamp, alarm, subject;
