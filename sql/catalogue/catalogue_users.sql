-- catalogue_users: these users as the catalogue has them
--
-- :ids  bigint[]  the users
--
-- One row per user that exists.
SELECT user_id AS id, signup_date, user_segment, country
  FROM users
 WHERE user_id = ANY (:ids::bigint[]);
