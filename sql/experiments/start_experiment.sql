-- start_experiment: record an experiment and its authors
--
-- :experiment   text         the experiment
-- :kind         text         posting-times, coaching or promotion
-- :hours        int          hours after publication that count
-- :days         int          duration
-- :target_lift  float8       expected lift: 0.2 is 20 %
-- :start        timestamptz  posts from this time on count
-- :authors      bigint[]     the authors
-- :arms         text[]       treatment or control, one per author
--
-- One row: number of recorded authors.
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
