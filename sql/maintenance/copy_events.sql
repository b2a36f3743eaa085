-- copy_events: events of a period, for a binary COPY
--
-- :since   timestamptz  start of the period
-- :before  timestamptz  its end, exclusive
--
-- One row per event, in the order of the primary key. All rows have the same size: user_id is 0 for
-- anonymous events, and type is the place in the list of types, from 0.
SELECT event_id, post_id, coalesce(user_id, 0) AS user_id,
       (CASE type WHEN 'view' THEN 0 WHEN 'like' THEN 1 WHEN 'comment' THEN 2 WHEN 'share' THEN 3
        END)::smallint AS type,
       engaged_timestamp, received_timestamp
  FROM engagements
 WHERE engaged_timestamp >= :since::timestamptz AND engaged_timestamp < :before::timestamptz
 ORDER BY engaged_timestamp, event_id;
