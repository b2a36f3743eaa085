-- upsert_authors: create or replace authors
--
-- :rows  jsonb  array of objects with the columns
--
-- No rows.
INSERT INTO authors (author_id, name, author_category, joined_date)
SELECT id, name, author_category, joined_date
  FROM jsonb_to_recordset(:rows::jsonb)
       AS r (id bigint, name text, author_category text, joined_date date)
    ON CONFLICT (author_id) DO UPDATE
   SET name            = excluded.name,
       author_category = excluded.author_category,
       joined_date     = excluded.joined_date;
