-- delete_users: delete users from the catalogue; their engagements stay
--
-- :ids  bigint[]  the users
--
-- One row per deleted user.
DELETE FROM users WHERE user_id = ANY (:ids::bigint[]) RETURNING user_id AS id;
