"""What all processes must agree on: the event, its encoding and rules, the topic and the tables.

Processes with different versions of this package could lose events. It imports no service.
"""
