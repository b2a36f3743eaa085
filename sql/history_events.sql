-- history_events: how many events does a period have?
--
-- :start  timestamptz  start of the period
-- :end    timestamptz  end of the period
--
-- One row: engagements in the quarters of an hour that the period touches.
SELECT coalesce(sum(views + likes + comments + shares), 0)::bigint AS events
  FROM engagements_15m
 WHERE bucket > :'start'::timestamptz - interval '15 minutes'
   AND bucket < :'end'::timestamptz;
