-- Rollups, kept by the consumer in the transaction that stores the events.
-- Locks nothing that exists. Not safe to run twice; the runner never does.
-- Their grain: docs/decisions/0003-rollups.md.

-- Engagements of a post since ever, expired days included. Keeps the refresh flat.
-- fillfactor leaves room for HOT updates: the hot rows change with nearly every batch.
CREATE TABLE post_totals (
    post_id   bigint PRIMARY KEY,
    views     bigint NOT NULL,
    likes     bigint NOT NULL,
    comments  bigint NOT NULL,
    shares    bigint NOT NULL
) WITH (fillfactor = 60);

-- Engagements of all posts by quarter of an hour (UTC): every zone's hours and days are sums
-- of these, since zone offsets are multiples of 15 minutes.
CREATE TABLE quarter_hours (
    quarter   timestamptz PRIMARY KEY,
    views     bigint NOT NULL,
    likes     bigint NOT NULL,
    comments  bigint NOT NULL,
    shares    bigint NOT NULL
) WITH (fillfactor = 60);
