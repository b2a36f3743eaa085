-- Users who asked to be forgotten: what is done to their rows, and how it stays so.
-- Locks nothing that exists. Not safe to run twice; the runner never does.
-- docs/decisions/0009-erasure.md

-- The version says that a list read before is out of date. The key makes digests of external ids
-- say nothing to who only sees them.
CREATE TABLE erasure_state (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version   bigint NOT NULL DEFAULT 0,
    key       bytea NOT NULL
);
INSERT INTO erasure_state (key)
VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

-- Who asked, when, and what was done. The last columns are what the work needs; they are
-- forgotten with its end, so nothing links the stand-in to the user any more.
CREATE TABLE erasures (
    erasure_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requested_by        text NOT NULL,
    started_timestamp   timestamptz NOT NULL DEFAULT now(),
    finished_timestamp  timestamptz,
    is_linked           boolean NOT NULL,
    events              bigint NOT NULL DEFAULT 0,
    dead_letters        bigint NOT NULL DEFAULT 0,
    catalogue_rows      bigint NOT NULL DEFAULT 0,
    user_id             bigint,
    external_ids        text[],
    stand_in            bigint CHECK (stand_in < 0),
    done_through        date,
    CONSTRAINT forgotten CHECK (
        finished_timestamp IS NULL OR num_nonnulls(user_id, external_ids, stand_in) = 0)
);

-- What events must not name any more. An erased external id is kept as its digest alone.
CREATE TABLE erased_users (
    user_id     bigint PRIMARY KEY,
    erasure_id  bigint NOT NULL REFERENCES erasures
);
CREATE TABLE erased_external_ids (
    digest      bytea PRIMARY KEY,
    erasure_id  bigint NOT NULL REFERENCES erasures
);

-- Who was given the data of whom; an erasure takes the user's number out of here as well.
CREATE TABLE user_exports (
    export_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requested_by        text NOT NULL,
    user_id             bigint,
    started_timestamp   timestamptz NOT NULL DEFAULT now(),
    finished_timestamp  timestamptz,
    events              bigint,
    dead_letters        bigint
);

CREATE FUNCTION external_id_digest(name text) RETURNS bytea
LANGUAGE sql STABLE STRICT SET search_path = public, pg_temp
RETURN (SELECT sha256(key || convert_to(name, 'UTF8')) FROM erasure_state);

-- Called by whoever is about to store what may name a user. An erasure begins only when all who
-- hold this lock are done, and who gets it afterwards sees the erasure: each statement of a
-- volatile function has a snapshot of its own, taken after the lock.
CREATE FUNCTION erasure_version() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('erasures'));
    RETURN (SELECT version FROM erasure_state);
END $$;

-- Which of these were erased? Until the transaction ends, no erasure begins.
CREATE FUNCTION find_erased(numbers bigint[], names text[]) RETURNS TABLE (number bigint, name text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM erasure_version();
    RETURN QUERY
    SELECT u.user_id, NULL::text FROM erased_users AS u WHERE u.user_id = ANY (numbers)
     UNION ALL
    SELECT NULL, n.name FROM unnest(names) AS n (name)
      JOIN erased_external_ids AS e ON e.digest = external_id_digest(n.name);
END $$;

-- Remember a user as erased, and begin the work or go on with it. Waits for the batches under
-- way; what comes later obeys. 22023: the external id is another user's.
CREATE FUNCTION begin_erasure(number bigint, name text, requested_by text, stand_in bigint)
RETURNS SETOF erasures
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    known bigint;
    names text[];
    work bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('erasures'));
    SELECT e.id INTO known FROM external_ids AS e
     WHERE e.kind = 'user' AND e.external_id = name;
    IF known <> number THEN
        RAISE EXCEPTION 'the external id stands for another user'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    number := coalesce(number, known);
    names := ARRAY(SELECT e.external_id FROM external_ids AS e
                    WHERE e.kind = 'user' AND e.id = number
                    UNION SELECT name WHERE name IS NOT NULL);
    SELECT e.erasure_id INTO work FROM erasures AS e
     WHERE e.finished_timestamp IS NULL AND (e.user_id = number OR e.external_ids && names)
     ORDER BY e.erasure_id LIMIT 1;
    IF work IS NULL THEN
        INSERT INTO erasures (requested_by, is_linked, stand_in, user_id, external_ids)
        VALUES (begin_erasure.requested_by, begin_erasure.stand_in IS NOT NULL,
                begin_erasure.stand_in, number, names)
        RETURNING erasure_id INTO work;
    ELSE
        UPDATE erasures AS e
           SET user_id      = coalesce(e.user_id, number),
               external_ids = ARRAY(SELECT unnest(e.external_ids) UNION SELECT unnest(names)),
               done_through = CASE WHEN e.user_id IS NOT NULL THEN e.done_through END
         WHERE e.erasure_id = work;
    END IF;
    INSERT INTO erased_users (user_id, erasure_id) SELECT number, work WHERE number IS NOT NULL
        ON CONFLICT DO NOTHING;
    INSERT INTO erased_external_ids (digest, erasure_id)
    SELECT external_id_digest(n), work FROM unnest(names) AS n
        ON CONFLICT DO NOTHING;
    UPDATE erasure_state SET version = version + 1;
    RETURN QUERY SELECT * FROM erasures AS e WHERE e.erasure_id = work;
END $$;

-- Put the stand-in, or nobody, in the user's place on one UTC day; returns how many rows. Planned
-- anew each time, as only then are the other days' partitions left alone.
CREATE FUNCTION erase_day(erasure bigint, day date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC'
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    work erasures;
    since timestamptz := day;
    before timestamptz := day + 1;
    changed bigint;
BEGIN
    SELECT * INTO STRICT work FROM erasures AS e WHERE e.erasure_id = erasure FOR UPDATE;
    UPDATE engagements AS e SET user_id = work.stand_in
     WHERE e.user_id = work.user_id
       AND e.engaged_timestamp >= since AND e.engaged_timestamp < before;
    GET DIAGNOSTICS changed = ROW_COUNT;
    UPDATE erasures AS e SET events = e.events + changed, done_through = day
     WHERE e.erasure_id = erasure;
    RETURN changed;
END $$;

-- Keep a dead letter without what names the user.
CREATE FUNCTION erase_in_dead_letter(erasure bigint, letter bigint, key bytea, value bytea,
                                     detail text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE dead_letters AS d
       SET key    = erase_in_dead_letter.key,
           value  = erase_in_dead_letter.value,
           detail = erase_in_dead_letter.detail
     WHERE d.dead_letter_id = letter;
    UPDATE erasures AS e SET dead_letters = e.dead_letters + 1 WHERE e.erasure_id = erasure;
END $$;

-- Take the user out of the catalogue, and forget who the erasure was about. Again: no change.
CREATE FUNCTION finish_erasure(erasure bigint) RETURNS SETOF erasures
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    work erasures;
    gone bigint;
    names bigint;
BEGIN
    SELECT * INTO STRICT work FROM erasures AS e WHERE e.erasure_id = erasure FOR UPDATE;
    IF work.finished_timestamp IS NULL THEN
        DELETE FROM users AS u WHERE u.user_id = work.user_id;
        GET DIAGNOSTICS gone = ROW_COUNT;
        DELETE FROM external_ids AS x
         WHERE x.kind = 'user'
           AND (x.id = work.user_id OR x.external_id = ANY (work.external_ids));
        GET DIAGNOSTICS names = ROW_COUNT;
        UPDATE user_exports AS x SET user_id = NULL WHERE x.user_id = work.user_id;
        UPDATE erasures AS e
           SET finished_timestamp = now(), catalogue_rows = gone + names,
               user_id = NULL, external_ids = NULL, stand_in = NULL, done_through = NULL
         WHERE e.erasure_id = erasure;
    END IF;
    RETURN QUERY SELECT * FROM erasures AS e WHERE e.erasure_id = erasure;
END $$;

REVOKE ALL ON erasure_state, erasures, erased_users, erased_external_ids, user_exports FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION external_id_digest(text), erasure_version(),
    find_erased(bigint[], text[]), begin_erasure(bigint, text, text, bigint),
    erase_day(bigint, date), erase_in_dead_letter(bigint, bigint, bytea, bytea, text),
    finish_erasure(bigint)
    FROM PUBLIC;

-- No other role may read who was erased, or the key.
GRANT SELECT ON erasure_state, erased_users, erased_external_ids TO engage_consumer;
GRANT EXECUTE ON FUNCTION erasure_version() TO engage_consumer;
GRANT EXECUTE ON FUNCTION find_erased(bigint[], text[]) TO engage_editor;

-- Who erases and exports reads all of a user's data, and changes them through the functions alone.
GRANT USAGE ON SCHEMA public TO engage_eraser;
GRANT SELECT ON engagements, engagement_partitions, dead_letters, users, external_ids,
                erasure_state, erasures, erased_users, erased_external_ids, user_exports
    TO engage_eraser;
GRANT INSERT (requested_by, user_id), UPDATE (finished_timestamp, events, dead_letters)
    ON user_exports TO engage_eraser;
GRANT EXECUTE ON FUNCTION begin_erasure(bigint, text, text, bigint), erase_day(bigint, date),
    erase_in_dead_letter(bigint, bigint, bytea, bytea, text), finish_erasure(bigint)
    TO engage_eraser;
