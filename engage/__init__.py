"""The command line, the embedded servers and the supervisor of a stack.

``engage up`` starts Kafka, PostgreSQL and every service in one folder, restarts processes that end,
and leaves none behind. Services do not depend on it: each is configured by its environment alone.
"""
