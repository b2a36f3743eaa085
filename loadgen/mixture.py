"""What real clients add to good events: repeats after lost replies, and invalid ones."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec

from loadgen.events import Event, encode
from loadgen.faults import BREAKS_AN_ARRAY, FAULTS, spoil

_NEAR_EVENTS: Final = 100
_FAR_EVENTS: Final = 5_000


class Item(msgspec.Struct, frozen=True, gc=False):
    """One event as it is sent.

    Attributes:
        body: its bytes.
        event: what they say; None for an invalid one.
        error: how the reply must name its fault; None for a valid one.
    """

    body: bytes
    event: Event | None
    error: str | None = None


@dataclass(frozen=True)
class Mix:
    """What is sent on top of the good events, in shares of their number, from 0 to 1.

    Attributes:
        duplicates: events sent once more, half of them soon after, half of them much later.
        invalid: events that must be refused, of every kind in turn.
    """

    duplicates: float = 0.0
    invalid: float = 0.0


class Mixer:
    """Adds to a stream of events; the same seed and the same stream give the same items."""

    def __init__(self, mix: Mix, seed: int, *, part: int = 0, is_array: bool) -> None:
        """Make a mixer; *is_array*: the events will stand in JSON arrays."""
        self._mix = mix
        self._random = Random(f"{seed}:{part}:mixture")
        self._near: deque[Item] = deque(maxlen=_NEAR_EVENTS)
        self._far: list[Item] = []
        self._seen = 0
        self._errors = [e for e in FAULTS if not (is_array and e in BREAKS_AN_ARRAY)]

    def mix(self, events: Iterable[Event]) -> Iterator[Item]:
        """Yield an item for each event, and the additional ones among them."""
        chance = self._random.random
        for event in events:
            item = Item(encode(event), event)
            yield item
            if self._mix.duplicates:
                self._remember(item)
                if chance() < self._mix.duplicates:
                    yield self._random.choice(self._near if chance() < 0.5 else self._far)
            if chance() < self._mix.invalid:
                error = self._random.choice(self._errors)
                yield Item(spoil(event, error, self._random), None, error)

    def _remember(self, item: Item) -> None:
        """Keep the latest events, and a uniform sample of all before (Vitter's algorithm R)."""
        self._near.append(item)
        self._seen += 1
        if len(self._far) < _FAR_EVENTS:
            self._far.append(item)
        elif (place := self._random.randrange(self._seen)) < _FAR_EVENTS:
            self._far[place] = item
