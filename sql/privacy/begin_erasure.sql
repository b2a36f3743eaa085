-- begin_erasure: remember a user as erased, and begin the work or go on with it
--
-- :user_id       bigint  the user; null: only known by the external id
-- :external_id   text    the user's external id; null: what the catalogue knows
-- :requested_by  text    who asks
-- :stand_in      bigint  what takes the number's place, below 0; null: nobody does
--
-- One row: the erasure.
SELECT * FROM begin_erasure(:user_id::bigint, :external_id::text, :requested_by::text,
                            :stand_in::bigint);
