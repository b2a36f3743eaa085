"""Kafka to PostgreSQL: an event that is delivered any number of times is one row of engagements.

The offsets are rows in the same transaction as the events, the rollups and the dead letters.
After a crash at any moment the offset rows say which records were consumed, and the next consumer
goes on from there: nothing is lost and nothing is counted twice.

An event passes, in this order: ``loop`` (fetch, store, back off), ``assignment`` (where each
partition is read), ``decode`` (record to row), ``batch`` and ``transaction``.
"""
