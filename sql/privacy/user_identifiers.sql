-- user_identifiers: number and external IDs of a user
--
-- :user_id      bigint  number of the user; null: unknown
-- :external_id  text    external ID of the user; null: unknown
--
-- One row: the number, all external IDs, and the number that the given external ID has.
WITH known AS (
    SELECT (SELECT id FROM external_ids
             WHERE kind = 'user' AND external_id = :external_id::text) AS id_of_external_id
)
SELECT coalesce(:user_id::bigint, id_of_external_id) AS user_id,
       ARRAY(SELECT external_id FROM external_ids
              WHERE kind = 'user' AND id = coalesce(:user_id::bigint, id_of_external_id)
              UNION SELECT :external_id::text WHERE :external_id::text IS NOT NULL) AS external_ids,
       id_of_external_id
  FROM known;
