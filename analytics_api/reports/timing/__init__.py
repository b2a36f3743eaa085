"""When to publish, and who publishes when."""
