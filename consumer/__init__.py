"""Kafka to PostgreSQL: an event delivered any number of times is one row of ``engagements``.

The offsets are rows in the same transaction as the events, the rollups and the dead letters.
Whatever is killed, the offset row tells exactly which records were dealt with, and the next
consumer goes on from there: nothing is lost and nothing is counted twice.
"""
