-- Erasure and export of users. docs/decisions/0009-erasure.md

CREATE TABLE erasure_state (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version   bigint NOT NULL DEFAULT 0,
    key       bytea NOT NULL
);
INSERT INTO erasure_state (key)
VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
COMMENT ON TABLE erasure_state IS
    'One row. version: changes with every erasure, as consumers cache the lists. key: salts the'
    ' digests of external IDs.';

CREATE TABLE erasures (
    erasure_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requested_by        text NOT NULL,
    started_timestamp   timestamptz NOT NULL DEFAULT now(),
    finished_timestamp  timestamptz,
    has_pseudonym           boolean NOT NULL,
    events              bigint NOT NULL DEFAULT 0,
    dead_letters        bigint NOT NULL DEFAULT 0,
    catalogue_rows      bigint NOT NULL DEFAULT 0,
    user_id             bigint,
    external_ids        text[],
    pseudonym_id        bigint CHECK (pseudonym_id < 0),
    erased_through      date,
    CONSTRAINT identity_is_cleared CHECK (
        finished_timestamp IS NULL OR num_nonnulls(user_id, external_ids, pseudonym_id) = 0)
);
COMMENT ON TABLE erasures IS
    'Erasures: who asked, when, and what was done. The last columns are needed during the work and'
    ' cleared at its end, so that nothing links the pseudonym to the user.';

CREATE TABLE erased_users (
    user_id     bigint PRIMARY KEY,
    erasure_id  bigint NOT NULL REFERENCES erasures
);
COMMENT ON TABLE erased_users IS 'User numbers that events must not carry any more.';
CREATE TABLE erased_external_ids (
    digest      bytea PRIMARY KEY,
    erasure_id  bigint NOT NULL REFERENCES erasures
);
COMMENT ON TABLE erased_external_ids IS 'Salted digests of external IDs that events must not carry any more.';

CREATE TABLE user_exports (
    export_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requested_by        text NOT NULL,
    user_id             bigint,
    started_timestamp   timestamptz NOT NULL DEFAULT now(),
    finished_timestamp  timestamptz,
    events              bigint,
    dead_letters        bigint
);
COMMENT ON TABLE user_exports IS
    'Who exported the data of which user. An erasure clears the user''s number here as well.';

CREATE FUNCTION external_id_digest(name text) RETURNS bytea
LANGUAGE sql STABLE STRICT SET search_path = public, pg_temp
RETURN (SELECT sha256(key || convert_to(name, 'UTF8')) FROM erasure_state);

-- Call it before storing anything that may name a user. An erasure begins only when all holders of
-- this lock are done, and later holders see the erasure: each statement of a volatile function has
-- a snapshot taken after the lock.
CREATE FUNCTION erasure_version() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('erasures'));
    RETURN (SELECT version FROM erasure_state);
END $$;

-- Return those of the users that are erased. No erasure begins until the transaction ends.
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

-- Record a user as erased, and begin the work or resume it. Waits for batches that are being
-- stored. 22023: the external ID belongs to another user.
CREATE FUNCTION begin_erasure(number bigint, name text, requested_by text, pseudonym_id bigint)
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
        RAISE EXCEPTION 'the external ID belongs to another user'
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
        INSERT INTO erasures (requested_by, has_pseudonym, pseudonym_id, user_id, external_ids)
        VALUES (begin_erasure.requested_by, begin_erasure.pseudonym_id IS NOT NULL,
                begin_erasure.pseudonym_id, number, names)
        RETURNING erasure_id INTO work;
    ELSE
        UPDATE erasures AS e
           SET user_id      = coalesce(e.user_id, number),
               external_ids = ARRAY(SELECT unnest(e.external_ids) UNION SELECT unnest(names)),
               erased_through = CASE WHEN e.user_id IS NOT NULL THEN e.erased_through END
         WHERE e.erasure_id = work;
    END IF;
    INSERT INTO erased_users (user_id, erasure_id)
    SELECT number, work WHERE number IS NOT NULL
     UNION SELECT m.old_id, work FROM moved_ids AS m WHERE m.kind = 'user' AND m.id = number
        ON CONFLICT DO NOTHING;
    INSERT INTO erased_external_ids (digest, erasure_id)
    SELECT external_id_digest(n), work FROM unnest(names) AS n
        ON CONFLICT DO NOTHING;
    UPDATE erasure_state SET version = version + 1;
    RETURN QUERY SELECT * FROM erasures AS e WHERE e.erasure_id = work;
END $$;

-- Replace the user by the pseudonym, or by null, on one UTC day; returns the number of rows. The
-- plan is made for each day, as only then are the other partitions pruned.
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
    UPDATE engagements AS e SET user_id = work.pseudonym_id
     WHERE e.user_id = work.user_id
       AND e.engaged_timestamp >= since AND e.engaged_timestamp < before;
    GET DIAGNOSTICS changed = ROW_COUNT;
    UPDATE erasures AS e SET events = e.events + changed, erased_through = day
     WHERE e.erasure_id = erasure;
    RETURN changed;
END $$;

-- Replace a dead letter by a version without the user.
CREATE FUNCTION redact_dead_letter(erasure bigint, letter bigint, key bytea, value bytea,
                                   detail text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE dead_letters AS d
       SET key    = redact_dead_letter.key,
           value  = redact_dead_letter.value,
           detail = redact_dead_letter.detail
     WHERE d.dead_letter_id = letter;
    UPDATE erasures AS e SET dead_letters = e.dead_letters + 1 WHERE e.erasure_id = erasure;
END $$;

-- Delete the user from the catalogue, and clear whom the erasure was about. Idempotent.
CREATE FUNCTION finish_erasure(erasure bigint) RETURNS SETOF erasures
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    work erasures;
    deleted_users bigint;
    deleted_ids bigint;
BEGIN
    SELECT * INTO STRICT work FROM erasures AS e WHERE e.erasure_id = erasure FOR UPDATE;
    IF work.finished_timestamp IS NULL THEN
        DELETE FROM users AS u WHERE u.user_id = work.user_id;
        GET DIAGNOSTICS deleted_users = ROW_COUNT;
        DELETE FROM external_ids AS x
         WHERE x.kind = 'user'
           AND (x.id = work.user_id OR x.external_id = ANY (work.external_ids));
        GET DIAGNOSTICS deleted_ids = ROW_COUNT;
        DELETE FROM moved_ids AS m WHERE m.kind = 'user' AND m.id = work.user_id;
        UPDATE user_exports AS x SET user_id = NULL WHERE x.user_id = work.user_id;
        UPDATE erasures AS e
           SET finished_timestamp = now(), catalogue_rows = deleted_users + deleted_ids,
               user_id = NULL, external_ids = NULL, pseudonym_id = NULL, erased_through = NULL
         WHERE e.erasure_id = erasure;
    END IF;
    RETURN QUERY SELECT * FROM erasures AS e WHERE e.erasure_id = erasure;
END $$;
