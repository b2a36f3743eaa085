-- What is wrong at this moment, as the refresher's watch sees it.
-- Locks nothing that exists. Not safe to run twice; the runner never does.

CREATE TABLE alarms (
    alarm             text NOT NULL,
    subject           text NOT NULL,
    detail            text NOT NULL,
    raised_timestamp  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (alarm, subject)
);

-- When the watch last looked: alarms that nobody keeps are no comfort.
CREATE TABLE alarm_watch (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    looked_timestamp  timestamptz NOT NULL
);
INSERT INTO alarm_watch (looked_timestamp) VALUES (now());

GRANT SELECT ON alarms, alarm_watch TO engage_consumer, engage_refresher, engage_reader;
GRANT INSERT, UPDATE, DELETE ON alarms TO engage_refresher;
GRANT UPDATE ON alarm_watch TO engage_refresher;
