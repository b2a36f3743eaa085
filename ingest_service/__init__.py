"""HTTP to Kafka. A 202 means that all in-sync replicas have the event.

Knows no SQL and no database. What it accepts can be stored: the rules are those the consumer
applies, from schema.wire and schema.admission.
"""
