-- list_erasures: who asked for users to be erased, and what was done?
--
-- :rows  int  at most so many
--
-- One row an erasure, newest first.
SELECT erasure_id, requested_by, started_timestamp, finished_timestamp, events, dead_letters,
       catalogue_rows, is_linked
  FROM erasures
 ORDER BY erasure_id DESC
 LIMIT :rows::int;
