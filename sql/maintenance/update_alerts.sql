-- update_alerts: replace the active alerts
--
-- :names       text[]  names of the active alerts; the other arrays are parallel
-- :subjects    text[]  affected partitions or disks; '': none
-- :severities  text[]  critical or warning
-- :details     text[]  facts, for the operator
--
-- No rows. An alert that stays active keeps its raised_timestamp.
WITH active AS (
     SELECT * FROM unnest(:names::text[], :subjects::text[], :severities::text[], :details::text[])
                AS a (name, subject, severity, detail)
), resolved AS (
     DELETE FROM alerts AS a
      WHERE NOT EXISTS (SELECT FROM active AS n WHERE n.name = a.name AND n.subject = a.subject)
), checked AS (
     UPDATE last_health_check SET checked_timestamp = now()
)
INSERT INTO alerts (name, subject, severity, detail)
SELECT name, subject, severity, detail FROM active
    ON CONFLICT (name, subject) DO UPDATE SET detail = excluded.detail;
