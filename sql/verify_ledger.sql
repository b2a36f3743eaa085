-- verify_ledger: is every stored event a row, an expired row, and in the totals of its post?
--
-- One row if not.
WITH found AS (
    SELECT (SELECT coalesce(sum(stored), 0) FROM consumer_offsets)
           + (SELECT replayed FROM ledger_totals)                       AS stored_and_replayed,
           (SELECT count(*) FROM engagements)
           + (SELECT coalesce(sum(rows), 0) FROM expired_partitions)    AS rows_and_expired,
           (SELECT coalesce(sum(views + likes + comments + shares), 0)
              FROM post_totals)                                         AS in_post_totals
)
SELECT *
  FROM found
 WHERE stored_and_replayed <> rows_and_expired OR stored_and_replayed <> in_post_totals;
