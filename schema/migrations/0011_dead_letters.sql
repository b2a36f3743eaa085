-- Dead letters: found by the event's id, told apart by the record and not by its place alone,
-- and what became of each attempt to store them after all.
-- Locks dead_letters while its index is built. Not safe to run twice; the runner never does.
-- docs/decisions/0008-replaying-dead-letters.md

ALTER TABLE dead_letters ADD COLUMN event_id uuid;
CREATE INDEX idx_dead_letters_event ON dead_letters (event_id) WHERE event_id IS NOT NULL;

-- A topic that was made anew has other records at the same offsets.
ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_topic_partition_offset_key;
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_record
    UNIQUE (topic, partition, "offset", record_timestamp);

ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_replay_outcome_check;
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_replay_outcome_check
    CHECK (replay_outcome IN ('stored', 'duplicate', 'retracted'));

CREATE TABLE dead_letter_replays (
    replay_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dead_letter_id      bigint NOT NULL REFERENCES dead_letters (dead_letter_id) ON DELETE CASCADE,
    replayed_timestamp  timestamptz NOT NULL DEFAULT now(),
    replayed_by         text NOT NULL,
    outcome             text NOT NULL
        CHECK (outcome IN ('stored', 'duplicate', 'retracted', 'refused')),
    detail              text NOT NULL
);
CREATE INDEX idx_dead_letter_replays_letter ON dead_letter_replays (dead_letter_id);

GRANT SELECT ON dead_letter_replays TO engage_consumer, engage_refresher, engage_reader;
