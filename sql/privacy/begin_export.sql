-- begin_export: note that somebody is given a user's data
--
-- :user_id       bigint  the user
-- :requested_by  text    who asks
--
-- One row.
INSERT INTO user_exports (user_id, requested_by)
VALUES (:user_id::bigint, :requested_by::text)
RETURNING export_id;
