"""``make audit``: whether any locked part is known to be vulnerable, or lacks a patch release.

Parts are Python packages (``requirements/*.lock``), jars (``jgo.lock.toml``) and container images.
What it can and cannot see: SECURITY.md.
"""
