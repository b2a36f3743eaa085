-- move_external_id: let an external id stand for a number, with all that is stored under it
--
-- :kind  text    author, post or user
-- :name  text    the external id
-- :id    bigint  the number it stands for from here on
--
-- One row, which says nothing.
SELECT move_external_id(:'kind'::text, :'name'::text, :id::bigint);
