-- count_offsets: number of partitions of the topic that were ever assigned to a consumer
--
-- :topic  text  topic
--
-- One row: partitions.
SELECT count(*) AS partitions FROM consumer_offsets WHERE topic = :topic::text;
