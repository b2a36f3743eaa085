-- Experiments with authors: what is tried, with whom, and since when.
-- Locks nothing that exists. Not safe to run twice; the runner never does.
-- docs/recommendations.md

CREATE TABLE experiments (
    name               text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    kind               text NOT NULL,
    hours              integer NOT NULL CHECK (hours > 0),
    days               integer NOT NULL CHECK (days > 0),
    target_lift        double precision NOT NULL,
    start_timestamp    timestamptz NOT NULL,
    created_timestamp  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE experiment_authors (
    name       text NOT NULL REFERENCES experiments (name) ON DELETE CASCADE,
    author_id  bigint NOT NULL,
    arm        text NOT NULL CHECK (arm IN ('treatment', 'control')),
    PRIMARY KEY (name, author_id)
);

GRANT SELECT ON experiments, experiment_authors TO engage_reader;
