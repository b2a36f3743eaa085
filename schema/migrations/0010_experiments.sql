-- Experiments with posting hours. docs/recommendations.md

CREATE TABLE experiments (
    name               text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    kind               text NOT NULL,
    hours              integer NOT NULL CHECK (hours > 0),
    days               integer NOT NULL CHECK (days > 0),
    target_lift        double precision NOT NULL,
    start_timestamp    timestamptz NOT NULL,
    created_timestamp  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE experiments IS 'Experiments: which change is tried, and since when.';

CREATE TABLE experiment_authors (
    name       text NOT NULL REFERENCES experiments (name) ON DELETE CASCADE,
    author_id  bigint NOT NULL,
    arm        text NOT NULL CHECK (arm IN ('treatment', 'control')),
    PRIMARY KEY (name, author_id)
);
COMMENT ON TABLE experiment_authors IS 'Authors of an experiment and the arm that each belongs to.';
