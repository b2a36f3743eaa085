-- list_erasures: erasures, with their requester and the number of changes
--
-- :rows  int  maximum number of rows
--
-- One row per erasure, newest first.
SELECT erasure_id, requested_by, started_timestamp, finished_timestamp, events, dead_letters,
       catalogue_rows, has_pseudonym
  FROM erasures
 ORDER BY erasure_id DESC
 LIMIT :rows::int;
