-- find_stored: which of these identities are in engagements already?
--
-- :engaged_timestamps  timestamptz[]  the identities' times; the other array runs along
-- :event_ids           uuid[]         the identities' ids
--
-- One row an identity that is stored. LATERAL with LIMIT keeps the plan an index look-up each,
-- whatever the statistics say.
SELECT k.engaged_timestamp, k.event_id
  FROM unnest(:engaged_timestamps::timestamptz[], :event_ids::uuid[])
       AS k (engaged_timestamp, event_id)
 CROSS JOIN LATERAL (
       SELECT 1
         FROM engagements AS e
        WHERE e.engaged_timestamp = k.engaged_timestamp AND e.event_id = k.event_id
        LIMIT 1) AS stored;
