-- How long events take from their receipt to being stored, for people to see.
-- Locks consumer_offsets for a moment. Not safe to run twice; the runner never does.

-- Of the newest batch's oldest row; null: it had none.
ALTER TABLE consumer_offsets ADD COLUMN latency_seconds double precision;
