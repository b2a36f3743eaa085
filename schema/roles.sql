-- Roles of the services. Roles belong to the server, not to a database, so this is not a migration:
-- it runs before the migrations, and can run again. Needs CREATEROLE.
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
            NULL;  -- another session has just created it
        END;
    END LOOP;
END $$;
