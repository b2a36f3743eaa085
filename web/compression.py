"""Compression of responses, where the client accepts it."""

import re
from typing import Final

_GZIP: Final = re.compile(
    r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?(?:,|$)", re.IGNORECASE
)


def accepts_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding header names gzip with a quality above 0."""
    found = _GZIP.search(accepted)
    return found is not None and float(found[1] or 1) > 0
