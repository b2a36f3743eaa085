-- record_replay: record the outcome of a dead letter's replay
--
-- :dead_letter_id  bigint  dead letter
-- :by              text    user or program that requested it
-- :outcome         text    stored, duplicate, retracted or rejected
-- :detail          text    why it was rejected, else empty
-- :rows            int     rows that it added to engagements
--
-- No rows.
WITH recorded AS (
     INSERT INTO dead_letter_replays (dead_letter_id, replayed_by, outcome, detail)
     VALUES (:dead_letter_id::bigint, :'by'::text, :'outcome'::text, :'detail'::text)
), counted AS (
     UPDATE ledger_totals SET replayed = replayed + :rows::int WHERE :rows::int > 0
)
UPDATE dead_letters
   SET replay_outcome = :'outcome'::text, replayed_timestamp = now()
 WHERE dead_letter_id = :dead_letter_id::bigint AND :'outcome'::text <> 'rejected';
