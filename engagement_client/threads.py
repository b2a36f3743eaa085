"""A condition for threads and event loops, and hooks for process exit and forks."""

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

Listener = Callable[[], None]


class Changes(threading.Condition):
    """A condition that also calls listeners, which must neither block nor take the lock."""

    def __init__(self) -> None:
        super().__init__(threading.Lock())
        self._listeners: set[Listener] = set()

    def notify_listeners(self) -> None:
        """Wake all waiters. The caller holds the lock."""
        self.notify_all()
        for listener in self._listeners:
            listener()

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Call *listener* at every change while the block runs, from the thread that made it."""
        with self:
            self._listeners.add(listener)
        try:
            yield
        finally:
            with self:
                self._listeners.discard(listener)


class Closable(Protocol):
    """An object with hooks for process exit and forks."""

    def begin_close(self) -> None:
        """Begin to close, without waiting."""

    def close(self) -> None:
        """Close, within a timeout."""

    def reset_after_fork(self) -> None:
        """Reset in a forked process, which must not touch its parent's state."""


_open: Final[weakref.WeakSet[Closable]] = weakref.WeakSet()


def close_at_exit(closable: Closable) -> None:
    """Call the hooks of *closable* as long as it exists."""
    _open.add(closable)


def _close_all() -> None:
    closing = list(_open)
    for closable in closing:
        closable.begin_close()
    for closable in closing:
        closable.close()


def _reset_all() -> None:
    for closable in list(_open):
        closable.reset_after_fork()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
