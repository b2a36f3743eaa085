"""Configuration of Python's garbage collector for processes that handle many small objects.

Their objects have no cycles and are freed by reference counting. With the default thresholds, the
collector takes more time than all other work on an event (docs/performance.md).
"""

import gc
from typing import Final

_THRESHOLDS: Final = (200_000, 20, 20)


def settle() -> None:
    """Exclude all current objects from collection, and collect rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()
