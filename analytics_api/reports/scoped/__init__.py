"""The reports that have a period and filters: overview, series, ranking."""
