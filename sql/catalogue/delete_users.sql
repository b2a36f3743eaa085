-- delete_users: take users out of the catalogue; their engagements stay
--
-- :ids  bigint[]  the users
--
-- One row a user that was there.
DELETE FROM users WHERE user_id = ANY (:ids::bigint[]) RETURNING user_id AS id;
