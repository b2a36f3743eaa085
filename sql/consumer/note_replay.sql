-- note_replay: keep what became of an attempt to store a dead letter
--
-- :dead_letter_id  bigint  which one
-- :by              text    who asked for it
-- :outcome         text    stored, duplicate, retracted or refused
-- :detail          text    why it was refused; else empty
-- :rows            int     rows that reached engagements by it
--
-- No rows.
WITH noted AS (
     INSERT INTO dead_letter_replays (dead_letter_id, replayed_by, outcome, detail)
     VALUES (:dead_letter_id::bigint, :'by'::text, :'outcome'::text, :'detail'::text)
), counted AS (
     UPDATE ledger_totals SET replayed = replayed + :rows::int WHERE :rows::int > 0
)
UPDATE dead_letters
   SET replay_outcome = :'outcome'::text, replayed_timestamp = now()
 WHERE dead_letter_id = :dead_letter_id::bigint AND :'outcome'::text <> 'refused';
