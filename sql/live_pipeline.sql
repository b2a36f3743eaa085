-- live_pipeline: how does the way of the events fare at this moment?
--
-- :topic  text  the topic
--
-- One row. stored: events that became rows, ever. dead_letters: those that wait. next_offset: the
-- sum of where the partitions go on. latency_seconds: from receipt to being stored, of the oldest
-- event of each partition's newest batch, the slowest one; null: nothing was stored in the last
-- minute. caught_up_timestamp: the last moment at which everything was stored.
SELECT coalesce(sum(stored), 0)::bigint + (SELECT replayed FROM ledger_totals) AS stored,
       (SELECT count(*) FROM dead_letters WHERE replay_outcome IS NULL)        AS dead_letters,
       coalesce(sum(next_offset), 0)::bigint                                   AS next_offset,
       max(latency_seconds) FILTER (WHERE updated_timestamp > now() - interval '1 minute')
           AS latency_seconds,
       count(*) FILTER (WHERE halt_reason IS NOT NULL)                         AS halted_partitions,
       min(caught_up_timestamp)                                                AS caught_up_timestamp
  FROM consumer_offsets
 WHERE topic = :'topic'::text;
