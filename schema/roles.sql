-- The roles of the services. Roles belong to the whole server, so this is no migration;
-- it is run before the migrations and may be run again. Needs CREATEROLE.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['engage_consumer', 'engage_refresher', 'engage_reader',
                               'engage_editor', 'engage_eraser'] LOOP
        BEGIN
            IF to_regrole(role) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
                EXECUTE format('GRANT %I TO CURRENT_USER', role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another session made it a moment ago
        END;
    END LOOP;
END $$;
