"""Takes authors, posts and users into the catalogue, over HTTP with an admin key.

A service of its own: the read API cannot write, and the ingest service knows no SQL.
"""
