"""Background jobs on the database: the stats view, daily partitions, statistics and alerts.

A process separate from the read API, which cannot write and may run many times. Several refreshers
can run at the same time, as each job takes an advisory lock.
"""
