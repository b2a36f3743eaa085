"""Detects another consumer of the group with this consumer's static instance ID."""

import random
import time
from collections import deque
from collections.abc import Callable
from typing import Final

WAIT_SECONDS: Final = 60.0
_CHANGES: Final = (3, 8)


class InstanceId:
    """A static instance ID, and whether another consumer uses it too.

    Kafka gives the ID to the consumer that joined last, with a new member ID. The other one is
    then fenced; or both join in turns, as each one's member ID becomes unknown.

    Args:
        name: the instance ID; None for a dynamic member.
        session_seconds: session timeout, after which the broker itself drops a member.
        clock: monotonic seconds.

    Attributes:
        limit: number of new member IDs within two sessions that is a conflict. It is random, as
            both consumers count alike and only one of them should leave.
    """

    def __init__(
        self,
        name: str | None,
        session_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._window_seconds = 2 * session_seconds
        self._clock = clock
        self._member_id: str | None = None
        self._changes: deque[float] = deque(maxlen=_CHANGES[1])
        self.limit = random.randint(*_CHANGES)
        self._has_conflict = False
        self._next_join_at: float | None = None

    @property
    def problem(self) -> str | None:
        """The conflict and its remedy, or None."""
        if not self._has_conflict:
            return None
        return (
            f"another consumer has the instance ID {self._name}: give each its own"
            " ENGAGE_CONSUMER_INSTANCE_ID, or none"
        )

    @property
    def is_waiting(self) -> bool:
        """Whether this consumer leaves the ID to the other one for now."""
        return self._next_join_at is not None and self._clock() < self._next_join_at

    def record_join(self, member_id: str) -> bool:
        """Record that the consumer joined. Return whether to leave the ID to another consumer."""
        if self._name is None:
            return False
        now = self._clock()
        if self._member_id not in (None, member_id):
            self._changes.append(now)
        self._member_id = member_id
        recent = [change for change in self._changes if now - change <= self._window_seconds]
        return len(recent) >= self.limit

    def back_off(self) -> bool:
        """Leave the ID to the other consumer for a minute. Return whether the conflict is new."""
        is_new = not self._has_conflict
        self._has_conflict = True
        self._next_join_at = self._clock() + WAIT_SECONDS
        self._changes.clear()
        self.limit = random.randint(*_CHANGES)
        return is_new

    def clear_conflict(self) -> None:
        """Clear the conflict once the consumer has kept its member ID for two sessions."""
        if self._next_join_at is None:
            return
        last_change = max([self._next_join_at, *self._changes])
        if self._clock() > last_change + self._window_seconds:
            self._has_conflict = False
            self._next_join_at = None
