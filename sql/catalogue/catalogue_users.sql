-- catalogue_users: what does the catalogue say of these users?
--
-- :ids  bigint[]  the users
--
-- One row a user that is there.
SELECT user_id AS id, signup_date, user_segment, country
  FROM users
 WHERE user_id = ANY (:ids::bigint[]);
