"""The command line, the embedded stack and its supervisor: all a person needs to run the product.

``engage up`` starts a real Kafka, a real PostgreSQL and every service in one folder, restarts
whatever is killed, and leaves no process behind. Services know nothing of it: each is a module
configured by its environment alone.
"""
