-- Indexes for the reports; tests/integration/schema/test_indexes.py names the query of each.
-- Locks engagement_stats against its refresh while it builds. Not safe to run twice.

-- For author_trends.sql: the posts of one author.
CREATE INDEX idx_engagement_stats_author ON engagement_stats (author_id);
