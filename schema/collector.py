"""Python's collector of cyclic garbage, told what these processes are like.

What they handle are tens of thousands of small objects at a time that hold no cycles and are gone
with their last reference. Looking through them as often as Python does by itself takes longer
than all else that is done to an event (docs/performance.md).
"""

import gc
from typing import Final

_THRESHOLDS: Final = (200_000, 20, 20)


def settle() -> None:
    """Leave what is loaded by now alone for good, and look for cycles seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
