-- begin_export: record that the data of a user are exported
--
-- :user_id       bigint  the user
-- :requested_by  text    operator or program that requested it
--
-- One row.
INSERT INTO user_exports (user_id, requested_by)
VALUES (:user_id::bigint, :requested_by::text)
RETURNING export_id;
