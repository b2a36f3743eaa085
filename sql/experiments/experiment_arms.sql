-- experiment_arms: authors of an experiment and their arms
--
-- :experiment  text  the experiment
--
-- One row per author.
SELECT x.author_id, a.name AS author_name, x.arm
  FROM experiment_authors AS x
  LEFT JOIN authors AS a USING (author_id)
 WHERE x.name = :'experiment'::text
 ORDER BY x.arm DESC, x.author_id;
