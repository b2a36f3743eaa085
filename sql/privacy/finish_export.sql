-- finish_export: note how much was given
--
-- :export_id     bigint  the export
-- :events        bigint  events given
-- :dead_letters  bigint  dead letters given
--
-- No rows.
UPDATE user_exports
   SET finished_timestamp = now(), events = :events::bigint, dead_letters = :dead_letters::bigint
 WHERE export_id = :export_id::bigint;
