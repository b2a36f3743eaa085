"""A hint about identities stored lately: duplicates are mostly retries of recent events."""

from array import array
from collections.abc import Sequence
from typing import Final

from consumer.rows import Row

_SLOTS: Final = 2**21
_MASK: Final = _SLOTS - 1


class Recent:
    """Remembers about the last two million event ids, in 4 MB.

    An id has one slot and leaves 16 bits of its hash there; the next one that falls into the slot
    takes its place. It is only a hint for where to look: what it names is looked up in the table,
    and what it forgot is found by the table's primary key.
    """

    def __init__(self) -> None:
        self._slots = array("H", bytes(2 * _SLOTS))

    def suspects(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows whose id was probably seen lately, and remember all of them."""
        slots = self._slots
        found = []
        for row in rows:
            digest = hash(row[1])
            slot, mark = digest & _MASK, digest >> 21 & 0xFFFF
            if slots[slot] == mark:
                found.append(row)
            else:
                slots[slot] = mark
        return found
