-- add_annotation: record an annotation
--
-- :annotated  timestamptz  the instant
-- :post       bigint       the post; null: the whole platform
-- :text       text         the text
--
-- One row: the annotation.
INSERT INTO annotations (annotated_timestamp, post_id, text)
VALUES (:'annotated'::timestamptz, :post::bigint, :'text'::text)
RETURNING annotation_id, annotated_timestamp, post_id, text;
