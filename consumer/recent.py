"""A hint about identities stored lately: duplicates are mostly retries of recent events."""

from array import array
from collections.abc import Sequence
from typing import Final

from consumer.rows import Row

_PAIRS: Final = 2**20
_MASK: Final = 2 * _PAIRS - 2


class Recent:
    """Remembers about the last million event ids, in 4 MB.

    An id has one pair of slots and leaves 16 bits of its hash in the first; what stood there moves
    to the second, whose own is forgotten. With single slots one retry in some hundred would be
    forgotten too early, which costs a batch. It is only a hint for where to look: what it names is
    looked up in the table, and what it forgot is found by the table's primary key.
    """

    def __init__(self) -> None:
        self._slots = array("H", bytes(4 * _PAIRS))

    def suspects(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows whose id was probably seen lately, and remember all of them."""
        slots = self._slots
        found = []
        for row in rows:
            digest = hash(row[1])
            slot, mark = digest & _MASK, digest >> 21 & 0xFFFF
            last = slots[slot]
            if mark in (last, slots[slot + 1]):
                found.append(row)
            else:
                slots[slot + 1] = last
                slots[slot] = mark
        return found
