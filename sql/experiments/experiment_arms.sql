-- experiment_arms: who is in which arm?
--
-- :experiment  text  the experiment
--
-- One row an author.
SELECT x.author_id, a.name AS author_name, x.arm
  FROM experiment_authors AS x
  LEFT JOIN authors AS a USING (author_id)
 WHERE x.name = :'experiment'::text
 ORDER BY x.arm DESC, x.author_id;
