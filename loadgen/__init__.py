"""The load generator: a catalogue, and readers who view, like, comment and share.

Traffic depends only on a seed, the catalogue and the time. Journals record the sent events and
their outcomes, so that stored events and reports can be compared with them, number by number.
"""
