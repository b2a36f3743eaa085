-- live_pipeline: how healthy is the pipeline now?
--
-- :topic  text  topic of the events
--
-- One row. stored: events since the first start. dead_letters: not replayed. next_offset: the
-- sum over partitions. latency_seconds: from receipt to commit of the oldest event
-- in the newest batch of a partition, their maximum; null: nothing was stored in the last
-- minute. caught_up_timestamp: the last time at which the lag was 0.
SELECT coalesce(sum(stored), 0)::bigint + (SELECT replayed FROM ledger_totals) AS stored,
       (SELECT count(*) FROM dead_letters WHERE replay_outcome IS NULL)        AS dead_letters,
       coalesce(sum(next_offset), 0)::bigint                                   AS next_offset,
       max(latency_seconds) FILTER (WHERE updated_timestamp > now() - interval '1 minute')
           AS latency_seconds,
       count(*) FILTER (WHERE halt_reason IS NOT NULL)                         AS halted_partitions,
       min(caught_up_timestamp)                                                AS caught_up_timestamp
  FROM consumer_offsets
 WHERE topic = :'topic'::text;
