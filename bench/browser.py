"""The browser that opens the dashboard in benchmarks, tests and for the README's pictures."""

import os
import shutil
from typing import Final

from schema.errors import SetupError

_VARIABLE: Final = "ENGAGE_TEST_BROWSER"
_NAMES: Final = ("chromium", "google-chrome")


def find_browser() -> str:
    """Return the path of the browser's program. Raises SetupError: there is none."""
    names = [named] if (named := os.environ.get(_VARIABLE)) else _NAMES
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise SetupError(
            f"there is no {' or '.join(names)}: install a chromium, such as Debian's package"
            f" chromium, or name one by {_VARIABLE}"
        )
    return found
