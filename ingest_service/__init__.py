"""HTTP to Kafka. A 202 means that all in-sync replicas have the event.

It uses no database. Accepted events can be stored, because the consumer validates with the same
rules, those of schema.wire and schema.validation. An event passes these modules in this order:
web.middleware, app, routes, parse, filter, dedupe, publish.
"""
