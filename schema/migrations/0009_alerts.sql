-- Alerts of the refresher's health check.

CREATE TABLE alerts (
    name              text NOT NULL,
    subject           text NOT NULL,
    severity          text NOT NULL CHECK (severity IN ('critical', 'warning')),
    detail            text NOT NULL,
    raised_timestamp  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, subject)
);
COMMENT ON TABLE alerts IS 'Active alerts.';

CREATE TABLE last_health_check (
    only_row           boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    checked_timestamp  timestamptz NOT NULL
);
INSERT INTO last_health_check (checked_timestamp) VALUES (now());
COMMENT ON TABLE last_health_check IS 'One row: when the last health check ran.';
