-- user_names: by what is a user known?
--
-- :user_id      bigint  the number; null: look it up
-- :external_id  text    the external id; null: look it up
--
-- One row: the number, the external ids, and which number the external id stands for.
WITH known AS (
    SELECT (SELECT id FROM external_ids
             WHERE kind = 'user' AND external_id = :external_id::text) AS stands_for
)
SELECT coalesce(:user_id::bigint, stands_for) AS user_id,
       ARRAY(SELECT external_id FROM external_ids
              WHERE kind = 'user' AND id = coalesce(:user_id::bigint, stands_for)
              UNION SELECT :external_id::text WHERE :external_id::text IS NOT NULL) AS external_ids,
       stands_for
  FROM known;
