"""Keeps the view fresh and the partitions in order.

Its own process: the read API cannot write and may run many times over. Several refreshers side
by side do no harm, as each job holds a lock of its own in the database.
"""
