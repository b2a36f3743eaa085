-- versions: which version of the data do reports show, and when was it true?
--
-- One row. live_version changes with every event that is stored or retracted, refresh_id with
-- every refresh of the view, catalogue_version with the catalogue.
SELECT (SELECT coalesce(sum(stored + skipped), 0)::bigint FROM consumer_offsets)
       + (SELECT replayed FROM ledger_totals)                       AS live_version,
       (SELECT min(caught_up_timestamp) FROM consumer_offsets)       AS live_as_of,
       (SELECT version FROM catalogue_version)                       AS catalogue_version,
       r.refresh_id,
       greatest(r.data_as_of, 'epoch')                               AS view_as_of
  FROM stats_refresh AS r;
