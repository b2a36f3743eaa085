"""Statistics of the reports: pure functions, without database or HTTP."""
