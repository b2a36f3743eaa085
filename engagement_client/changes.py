"""A lock whose changes both threads and event loops can wait for."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[], None]


class Changes(threading.Condition):
    """A condition that also calls listeners, which must neither wait nor take the lock."""

    def __init__(self) -> None:
        super().__init__(threading.Lock())
        self._listeners: set[Listener] = set()

    def tell(self) -> None:
        """Wake all who wait; the lock is held."""
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
