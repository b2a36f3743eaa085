-- begin_erasure: record a user as erased, and begin or resume the work
--
-- :user_id       bigint  the user; null: known by the external ID only
-- :external_id   text    an external ID of the user; null: those of the catalogue
-- :requested_by  text    operator or program that requested it
-- :pseudonym_id  bigint  negative number that replaces the user's; null: none does
--
-- One row: the erasure.
SELECT * FROM begin_erasure(:user_id::bigint, :external_id::text, :requested_by::text,
                            :pseudonym_id::bigint);
