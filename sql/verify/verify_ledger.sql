-- verify_ledger: whether every stored event is a row, expired or retracted, and in post_totals
--
-- One row if not.
WITH found AS (
    SELECT (SELECT coalesce(sum(stored), 0) FROM consumer_offsets)
           + (SELECT replayed FROM ledger_totals)                       AS stored_and_replayed,
           (SELECT count(*) FROM engagements)
           + (SELECT coalesce(sum(rows), 0) FROM expired_partitions)    AS rows_and_expired,
           (SELECT count(*) FROM retractions WHERE is_applied)          AS retracted,
           (SELECT coalesce(sum(views + likes + comments + shares), 0)
              FROM post_totals)                                         AS in_post_totals
)
SELECT *
  FROM found
 WHERE stored_and_replayed <> rows_and_expired + retracted OR rows_and_expired <> in_post_totals;
