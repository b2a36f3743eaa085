"""A stack's life: its servers and services are started in a folder, kept alive, and ended."""
