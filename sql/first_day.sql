-- first_day: from when on are events kept?
--
-- One row: the begin of the oldest daily partition that has rows, UTC; null: there is none.
SELECT min(quarter) AS first_quarter
  FROM quarter_hours
 WHERE quarter >= (SELECT min(day)::timestamp AT TIME ZONE 'UTC' FROM engagement_partitions)
   AND views + likes + comments + shares > 0;
