-- partition_sizes: which days does engagements hold, and how large are they?
--
-- One row a daily partition, oldest first; rows as the statistics estimate them.
SELECT p.day, p.name,
       greatest(c.reltuples, 0)::bigint   AS estimated_rows,
       pg_total_relation_size(c.oid)      AS total_bytes
  FROM engagement_partitions AS p
  JOIN pg_class AS c ON c.oid = p.relation
 ORDER BY p.day;
