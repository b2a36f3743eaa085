-- How far the consumer has read, what it did with each record, and records it could not store.

CREATE TABLE consumer_offsets (
    topic                     text NOT NULL,
    partition                 integer NOT NULL,
    first_offset              bigint NOT NULL,
    next_offset               bigint NOT NULL,
    stored                    bigint NOT NULL DEFAULT 0,
    duplicates                bigint NOT NULL DEFAULT 0,
    dead_lettered             bigint NOT NULL DEFAULT 0,
    skipped                   bigint NOT NULL DEFAULT 0,
    consecutive_dead_letters  integer NOT NULL DEFAULT 0,
    -- Offset, time and CRC-32 of the last record read. Compared when a partition is assigned, to
    -- detect a log that these offsets do not refer to.
    fingerprint_offset        bigint,
    fingerprint_timestamp     bigint,
    fingerprint_crc           bigint,
    -- The last time at which every record of the partition was stored.
    caught_up_timestamp       timestamptz,
    -- From receipt to being stored, of the oldest row of the newest batch; null: it had no rows.
    latency_seconds           double precision,
    halt_reason               text,
    halt_detail               text,
    halted_timestamp          timestamptz,
    updated_timestamp         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition),
    CHECK (next_offset >= first_offset),
    CONSTRAINT accounted
        CHECK (next_offset - first_offset = stored + duplicates + dead_lettered + skipped)
) WITH (fillfactor = 50);
COMMENT ON TABLE consumer_offsets IS
    'One row per partition of the topic, advanced in the transaction that stores its events.';

CREATE TABLE dead_letters (
    dead_letter_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic                    text NOT NULL,
    partition                integer NOT NULL,
    "offset"                 bigint NOT NULL,
    event_id                 uuid,
    reason                   text NOT NULL,
    detail                   text NOT NULL,
    record_timestamp         timestamptz NOT NULL,
    key                      bytea,
    value                    bytea,
    dead_lettered_timestamp  timestamptz NOT NULL DEFAULT now(),
    replayed_timestamp       timestamptz,
    replay_outcome           text CHECK (replay_outcome IN ('stored', 'duplicate', 'retracted')),
    -- A topic that was created again has other records at the same offsets.
    CONSTRAINT dead_letters_record UNIQUE (topic, partition, "offset", record_timestamp)
);
CREATE INDEX idx_dead_letters_event ON dead_letters (event_id) WHERE event_id IS NOT NULL;
COMMENT ON TABLE dead_letters IS 'Records that cannot be stored, with their original bytes.';

-- docs/decisions/0008-replaying-dead-letters.md
CREATE TABLE dead_letter_replays (
    replay_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dead_letter_id      bigint NOT NULL REFERENCES dead_letters (dead_letter_id) ON DELETE CASCADE,
    replayed_timestamp  timestamptz NOT NULL DEFAULT now(),
    replayed_by         text NOT NULL,
    outcome             text NOT NULL
        CHECK (outcome IN ('stored', 'duplicate', 'retracted', 'rejected')),
    detail              text NOT NULL
);
CREATE INDEX idx_dead_letter_replays_letter ON dead_letter_replays (dead_letter_id);
COMMENT ON TABLE dead_letter_replays IS 'Attempts to store dead letters after their cause was fixed.';

CREATE TABLE ledger_totals (
    replayed  bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX ledger_totals_single ON ledger_totals ((true));
INSERT INTO ledger_totals VALUES (0);
COMMENT ON TABLE ledger_totals IS 'One row: events that reached engagements by replay, not from the topic.';

-- docs/decisions/0007-retractions.md
CREATE TABLE retractions (
    engaged_timestamp   timestamptz NOT NULL,
    event_id            uuid NOT NULL,
    post_id             bigint NOT NULL,
    received_timestamp  timestamptz NOT NULL,
    is_applied          boolean NOT NULL DEFAULT false,
    PRIMARY KEY (engaged_timestamp, event_id, post_id)
);
COMMENT ON TABLE retractions IS
    'Retracted events, also those that have not arrived yet. is_applied: a row was deleted.';

-- Record retractions and delete the rows they name; returns the deleted ones, for the rollups.
-- Only a retraction with the event's own post applies, as only its partition is in order with it.
CREATE FUNCTION retract_events(
    times timestamptz[], ids uuid[], posts bigint[], received timestamptz[])
RETURNS TABLE (engaged_timestamp timestamptz, event_id uuid, post_id bigint, type engagement_type)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO retractions (engaged_timestamp, event_id, post_id, received_timestamp)
    SELECT * FROM unnest(times, ids, posts, received)
        ON CONFLICT DO NOTHING;
    RETURN QUERY
    WITH deleted AS (
        DELETE FROM engagements AS e
         USING unnest(times, ids, posts) AS k (time, id, post)
         WHERE e.engaged_timestamp = k.time AND e.event_id = k.id AND e.post_id = k.post
        RETURNING e.engaged_timestamp, e.event_id, e.post_id, e.type
    ), applied AS (
        UPDATE retractions AS r SET is_applied = true
          FROM deleted AS d
         WHERE r.engaged_timestamp = d.engaged_timestamp AND r.event_id = d.event_id
           AND r.post_id = d.post_id
    )
    SELECT * FROM deleted;
END $$;
