-- start_experiment: keep what is tried, with whom, and since when
--
-- :experiment   text         the experiment
-- :kind         text         posting-times, coaching or promotion
-- :hours        int          of a post's life that count
-- :days         int          how long it lasts
-- :target_lift  float8       the lift that is hoped for, 0.2 for 20 %
-- :start        timestamptz  posts from here on count
-- :authors      bigint[]     who takes part; the arms run along
-- :arms         text[]       treatment or control
--
-- One row: how many authors were entered.
WITH made AS (
     INSERT INTO experiments (name, kind, hours, days, target_lift, start_timestamp)
     VALUES (:'experiment'::text, :'kind'::text, :hours::int, :days::int, :target_lift::float8,
             :'start'::timestamptz)
     RETURNING name
), entered AS (
     INSERT INTO experiment_authors (name, author_id, arm)
     SELECT made.name, x.author_id, x.arm
       FROM made, unnest(:'authors'::bigint[], :'arms'::text[]) AS x (author_id, arm)
     RETURNING 1
)
SELECT count(*) AS authors FROM entered;
