-- list_experiments: experiments and the sizes of their arms
--
-- :only_name  text  only this experiment; '': all
--
-- One row per experiment, newest first.
SELECT e.name, e.kind, e.hours, e.days, e.target_lift, e.start_timestamp,
       e.start_timestamp + make_interval(days => e.days) AS end_timestamp,
       count(*) FILTER (WHERE a.arm = 'treatment') AS treated,
       count(*) FILTER (WHERE a.arm = 'control')   AS controls
  FROM experiments AS e
  LEFT JOIN experiment_authors AS a USING (name)
 WHERE :'only_name'::text = '' OR e.name = :'only_name'::text
 GROUP BY e.name
 ORDER BY e.start_timestamp DESC, e.name;
