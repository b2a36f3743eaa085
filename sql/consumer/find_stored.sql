-- find_stored: which of these identities are in engagements
--
-- :engaged_timestamps  timestamptz[]  times of the identities; the other array is parallel
-- :event_ids           uuid[]         their IDs
--
-- One row per stored identity. LATERAL with LIMIT makes the plan an index lookup for each,
-- whatever the statistics are.
SELECT k.engaged_timestamp, k.event_id
  FROM unnest(:engaged_timestamps::timestamptz[], :event_ids::uuid[])
       AS k (engaged_timestamp, event_id)
 CROSS JOIN LATERAL (
       SELECT 1
         FROM engagements AS e
        WHERE e.engaged_timestamp = k.engaged_timestamp AND e.event_id = k.event_id
        LIMIT 1) AS stored;
