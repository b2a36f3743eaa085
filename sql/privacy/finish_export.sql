-- finish_export: record the size of an export
--
-- :export_id     bigint  the export
-- :events        bigint  exported events
-- :dead_letters  bigint  exported dead letters
--
-- No rows.
UPDATE user_exports
   SET finished_timestamp = now(), events = :events::bigint, dead_letters = :dead_letters::bigint
 WHERE export_id = :export_id::bigint;
