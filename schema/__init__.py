"""Definitions shared by all processes: the event, its encoding and rules, the topic, the tables.

Processes with different versions of this package could lose events. It imports no service.
"""
