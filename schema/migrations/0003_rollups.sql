-- Counts that the consumer maintains in the transaction that stores the events.
-- docs/decisions/0003-rollups.md

-- fillfactor leaves room for HOT updates: the hot rows change with nearly every batch.
CREATE TABLE post_totals (
    post_id   bigint PRIMARY KEY,
    views     bigint NOT NULL,
    likes     bigint NOT NULL,
    comments  bigint NOT NULL,
    shares    bigint NOT NULL
) WITH (fillfactor = 60);
COMMENT ON TABLE post_totals IS 'Engagements of each post since the beginning, expired days included.';

CREATE TABLE engagements_15m (
    bucket    timestamptz PRIMARY KEY,
    views     bigint NOT NULL,
    likes     bigint NOT NULL,
    comments  bigint NOT NULL,
    shares    bigint NOT NULL
) WITH (fillfactor = 60);
COMMENT ON TABLE engagements_15m IS
    'Engagements of all posts by quarter of an hour (UTC). Offsets of time zones are multiples of'
    ' 15 minutes, so hours and days of every zone are sums of these.';
