"""A real Kafka and a real PostgreSQL from Python packages: no Docker, no Java, no root needed.

Each server lives in the stack's own folder, listens on loopback only, and survives a kill -9:
the next start ends what is left of it, recovers and serves the same data. Nothing here knows
the services; the supervisor starts both servers concurrently and stops them in order.
"""
