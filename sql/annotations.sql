-- annotations: why did engagement change?
--
-- :start  timestamptz  start of the period; null: the first annotation
-- :end    timestamptz  end of the period, exclusive; null: the last annotation
-- :post   bigint       of this post and of the whole platform; 0: of the platform; null: all
-- :limit  int          maximum rows
--
-- One row per annotation, the newest first. Posts that are not in the catalogue have no title.
SELECT n.annotation_id, n.annotated_timestamp, n.post_id, p.title, n.text
  FROM annotations AS n
  LEFT JOIN posts AS p USING (post_id)
 WHERE (:start::timestamptz IS NULL OR n.annotated_timestamp >= :start::timestamptz)
   AND (:end::timestamptz IS NULL OR n.annotated_timestamp < :end::timestamptz)
   AND (:post::bigint IS NULL OR n.post_id IS NULL OR n.post_id = :post::bigint)
 ORDER BY n.annotated_timestamp DESC, n.annotation_id DESC
 LIMIT :limit::int;
