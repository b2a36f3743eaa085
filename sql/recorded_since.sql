-- recorded_since: from when on is engagement recorded?
--
-- One row: posts published before have first hours that nobody recorded; null: there are no events.
SELECT recorded_since
  FROM first_hours_state;
