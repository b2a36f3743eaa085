"""Stands in for the world: a catalogue, and readers who view, like, comment and share.

The catalogue goes straight into PostgreSQL; events go over HTTP only, as those of any client.
What was sent, and how it was answered, stands in a journal, so that what the system stored
can be compared with it to the last event.
"""
