-- partition_sizes: daily partitions of engagements and their sizes
--
-- One row per partition, oldest first. The number of rows is the planner's estimate.
SELECT p.day, p.name,
       greatest(c.reltuples, 0)::bigint   AS estimated_rows,
       pg_total_relation_size(c.oid)      AS total_bytes
  FROM engagement_partitions AS p
  JOIN pg_class AS c ON c.oid = p.relation
 ORDER BY p.day;
