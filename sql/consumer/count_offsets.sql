-- count_offsets: how many partitions of this topic did any consumer ever have?
--
-- :topic  text  the topic
--
-- One row: partitions.
SELECT count(*) AS partitions FROM consumer_offsets WHERE topic = :topic::text;
