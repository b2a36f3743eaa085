"""HTTP to the catalogue of authors, posts and users, with an admin key.

It is a separate service, because the read API cannot write and ingest uses no database.
"""
