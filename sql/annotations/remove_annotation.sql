-- remove_annotation: delete an annotation
--
-- :annotation  bigint   the annotation
-- :is_dry_run  boolean  whether it stays
--
-- One row: the annotation. None: there is no such annotation.
WITH found AS (
    SELECT annotation_id, annotated_timestamp, post_id, text
      FROM annotations
     WHERE annotation_id = :annotation::bigint
), removed AS (
    DELETE FROM annotations AS n
     USING found AS f
     WHERE n.annotation_id = f.annotation_id AND NOT :is_dry_run::boolean
)
SELECT * FROM found;
