-- partitions_to_drop: daily partitions past retention
--
-- :first_kept  date  oldest day to keep
--
-- One row per day, oldest first, without restored days that are still kept.
SELECT day
  FROM engagement_partitions AS p
 WHERE day < :'first_kept'::date
   AND NOT EXISTS (SELECT FROM archived_partitions AS a
                    WHERE a.day = p.day AND a.keep_until >= current_date)
 ORDER BY day;
