"""The reports without filters: a post, an author, rankings, patterns."""
