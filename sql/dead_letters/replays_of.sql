-- replays_of: what was tried with a dead letter?
--
-- :dead_letter_id  bigint  which one
--
-- One row an attempt, in their order.
SELECT replayed_timestamp, replayed_by, outcome, detail
  FROM dead_letter_replays
 WHERE dead_letter_id = :dead_letter_id::bigint
 ORDER BY replay_id;
