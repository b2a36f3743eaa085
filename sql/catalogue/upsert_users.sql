-- upsert_users: create or replace users
--
-- :rows  jsonb  array of objects with the columns
--
-- No rows.
INSERT INTO users (user_id, signup_date, user_segment, country)
SELECT id, signup_date, user_segment, country
  FROM jsonb_to_recordset(:rows::jsonb)
       AS r (id bigint, signup_date date, user_segment text, country text)
    ON CONFLICT (user_id) DO UPDATE
   SET signup_date  = excluded.signup_date,
       user_segment = excluded.user_segment,
       country      = excluded.country;
