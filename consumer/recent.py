"""A hint about identities stored lately: duplicates are mostly retries of recent events."""

from collections.abc import Iterable, Sequence
from typing import Final

from consumer.decode import Row

_GENERATION: Final = 60_000


class Recent:
    """Remembers the last 60,000 to 120,000 event ids that were stored.

    It is only a hint for where to look: what it names is looked up in the table, and what it
    forgot is found by the table's primary key.
    """

    def __init__(self) -> None:
        self._young: set[int] = set()
        self._old: set[int] = set()

    def suspects(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows whose id was stored lately."""
        ids = {row[1].int for row in rows}
        known = (ids & self._young) | (ids & self._old)
        return [row for row in rows if row[1].int in known] if known else []

    def add(self, rows: Iterable[Row]) -> None:
        """Remember the rows' ids."""
        self._young.update(row[1].int for row in rows)
        if len(self._young) >= _GENERATION:
            self._old, self._young = self._young, set()
