"""What the processes must agree on: the event, the topic, the tables, settings, keys, errors.

Two processes that disagree about anything in here would lose or misread events, so it is
written once. Nothing in here belongs to one service alone, and nothing in here imports one.
"""
