"""PostgreSQL to HTTP: the reports, on a connection that cannot write.

Each report tells when the data it shows was true, and answers 304 without asking the tables
again while nothing has changed.
"""
