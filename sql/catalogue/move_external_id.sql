-- move_external_id: give an external ID another number, and move what is stored under the old one
--
-- :kind  text    author, post or user
-- :name  text    external ID
-- :id    bigint  its new number
--
-- One row without content.
SELECT move_external_id(:'kind'::text, :'name'::text, :id::bigint);
