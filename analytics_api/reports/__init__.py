"""The reports: one module per subject, with declaration, models and computation."""
