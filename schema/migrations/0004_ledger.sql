-- Where the consumer stands, what it did with each record, and what it could not store.
-- Locks nothing that exists. Not safe to run twice; the runner never does.

-- One row a partition of the topic, advanced in the transaction that stores its events:
-- next_offset - first_offset = stored + duplicates + dead_lettered + skipped, always.
CREATE TABLE consumer_offsets (
    topic                  text NOT NULL,
    partition              integer NOT NULL,
    first_offset           bigint NOT NULL,
    next_offset            bigint NOT NULL,
    stored                 bigint NOT NULL DEFAULT 0,
    duplicates             bigint NOT NULL DEFAULT 0,
    dead_lettered          bigint NOT NULL DEFAULT 0,
    skipped                bigint NOT NULL DEFAULT 0,
    dead_in_a_row          integer NOT NULL DEFAULT 0,
    -- The last record read: its offset, time and CRC-32. Compared when a partition is assigned,
    -- to notice a log that is not the one these offsets speak of.
    fingerprint_offset     bigint,
    fingerprint_timestamp  bigint,
    fingerprint_crc        bigint,
    -- The last moment at which everything in the partition was stored.
    caught_up_timestamp    timestamptz,
    halt_reason            text,
    halt_detail            text,
    halted_timestamp       timestamptz,
    updated_timestamp      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition),
    CHECK (next_offset >= first_offset),
    CONSTRAINT accounted
        CHECK (next_offset - first_offset = stored + duplicates + dead_lettered + skipped)
) WITH (fillfactor = 50);

-- Records that cannot be stored, with their original bytes.
CREATE TABLE dead_letters (
    dead_letter_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic                    text NOT NULL,
    partition                integer NOT NULL,
    "offset"                 bigint NOT NULL,
    reason                   text NOT NULL,
    detail                   text NOT NULL,
    record_timestamp         timestamptz NOT NULL,
    key                      bytea,
    value                    bytea,
    dead_lettered_timestamp  timestamptz NOT NULL DEFAULT now(),
    replayed_timestamp       timestamptz,
    replay_outcome           text CHECK (replay_outcome IN ('stored', 'duplicate')),
    UNIQUE (topic, partition, "offset")
);

-- What reached engagements by another way than the topic.
CREATE TABLE ledger_totals (
    replayed  bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX ledger_totals_single ON ledger_totals ((true));
INSERT INTO ledger_totals VALUES (0);
