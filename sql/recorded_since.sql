-- recorded_since: since when is engagement recorded, and how far back are its events stored?
--
-- One row. recorded_since: the first hours of posts published before are not recorded; null: no
-- events. longest_silence: without any event, in the four weeks after. stored_since: no later day has expired;
-- null: no day has. gap_starts, gap_ends: of the recording gaps, ascending.
SELECT recorded_since, longest_silence,
       (SELECT max(day) + 1 FROM expired_partitions)::timestamp AT TIME ZONE 'UTC' AS stored_since,
       g.*
  FROM first_hours_state
 CROSS JOIN (
       SELECT coalesce(array_agg(start_timestamp ORDER BY start_timestamp), '{}') AS gap_starts,
              coalesce(array_agg(end_timestamp ORDER BY start_timestamp), '{}') AS gap_ends
         FROM recording_gaps) AS g;
