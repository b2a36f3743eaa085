-- note_alarms: these alarms are on, and no other
--
-- :alarms    text[]  what each is called; the other arrays run along
-- :subjects  text[]  what it is about, such as a partition
-- :details   text[]  the facts, for the operator
--
-- No rows; an alarm that stays on keeps the time when it was raised.
WITH standing AS (
     SELECT * FROM unnest(:alarms::text[], :subjects::text[], :details::text[])
                AS a (alarm, subject, detail)
), ended AS (
     DELETE FROM alarms AS a
      WHERE NOT EXISTS (SELECT FROM standing AS s
                         WHERE s.alarm = a.alarm AND s.subject = a.subject)
), looked AS (
     UPDATE alarm_watch SET looked_timestamp = now()
)
INSERT INTO alarms (alarm, subject, detail)
SELECT alarm, subject, detail FROM standing
    ON CONFLICT (alarm, subject) DO UPDATE SET detail = EXCLUDED.detail;
