-- Annotations: why engagement changed at an instant. docs/dashboard.md

CREATE TABLE annotations (
    annotation_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    annotated_timestamp   timestamptz NOT NULL,
    post_id               bigint,
    text                  text NOT NULL CHECK (length(text) BETWEEN 1 AND 200 AND text !~ '[\x01-\x1f\x7f]'),
    created_timestamp     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE annotations IS
    'Short texts at instants, of one post or, without post_id, of the whole platform.';

-- ETags of reports depend on it.
CREATE TRIGGER annotations_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON annotations
    FOR EACH STATEMENT EXECUTE FUNCTION increment_catalogue_version();
