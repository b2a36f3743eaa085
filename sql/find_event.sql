-- find_event: what is the state of an event?
--
-- :event_id  uuid         ID of the event
-- :from      timestamptz  its engaged_timestamp, or the earliest possible one
-- :to        timestamptz  its engaged_timestamp, or the latest possible one
--
-- One row: the state, and the facts of that state; not_seen without any. A retraction has
-- precedence over a stored row, and that over a dead letter of the same ID.
SELECT 'retracted' AS state, r.engaged_timestamp, r.post_id, NULL::text AS type,
       r.received_timestamp, NULL::bigint AS dead_letter_id, NULL::text AS reason,
       NULL::text AS detail, NULL::text AS topic, NULL::int AS partition, NULL::bigint AS "offset",
       NULL::text AS replay_outcome, NULL::timestamptz AS dead_lettered_timestamp
  FROM retractions AS r
 WHERE event_id = :'event_id'::uuid
   AND engaged_timestamp BETWEEN :'from'::timestamptz AND :'to'::timestamptz
 UNION ALL
SELECT 'stored', e.engaged_timestamp, e.post_id, e.type::text, e.received_timestamp,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM engagements AS e
 WHERE event_id = :'event_id'::uuid
   AND engaged_timestamp BETWEEN :'from'::timestamptz AND :'to'::timestamptz
 UNION ALL
(SELECT 'dead_lettered', NULL, NULL, NULL, NULL, d.dead_letter_id, d.reason, d.detail, d.topic,
       d.partition, d."offset", d.replay_outcome, d.dead_lettered_timestamp
  FROM dead_letters AS d
 WHERE event_id = :'event_id'::uuid
 ORDER BY d.dead_letter_id DESC
 LIMIT 1)
 LIMIT 1;
