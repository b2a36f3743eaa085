"""The ends of a process: what waits at its exit is delivered, what a fork copied is forgotten."""

import atexit
import os
import weakref
from typing import Final, Protocol


class Mortal(Protocol):
    """Something that must learn of both."""

    def begin_close(self) -> None:
        """Start to end, without waiting."""

    def close(self) -> None:
        """End, within a bound."""

    def forget(self) -> None:
        """Start anew: this is another process, and what was here belongs to its parent."""


_living: Final[weakref.WeakSet[Mortal]] = weakref.WeakSet()


def watch(mortal: Mortal) -> None:
    """Tell it when the process ends or is forked, for as long as it lives."""
    _living.add(mortal)


def _close_all() -> None:
    closing = list(_living)
    for mortal in closing:
        mortal.begin_close()
    for mortal in closing:
        mortal.close()


def _forget_all() -> None:
    for mortal in list(_living):
        mortal.forget()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
