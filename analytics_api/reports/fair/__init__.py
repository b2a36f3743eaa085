"""Posts, authors and cohorts, compared at equal age."""
