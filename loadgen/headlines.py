"""Headlines: patterns over subjects, readers and events of each category, from headlines.toml.

The number of a post chooses a pattern and its words. All combinations come in turn, in a scattered
order, so that hardly any headline repeats.
"""

import tomllib
from bisect import bisect_right
from itertools import accumulate, count
from math import gcd, prod
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).with_name("headlines.toml")


class _Headlines:
    """All headlines of a category, by pattern, with the words for its places."""

    def __init__(self, patterns: list[str], words: dict[str, list[str]]) -> None:
        self._patterns = [
            (pattern, {name: words[name] for name in words if f"{{{name}}}" in pattern})
            for pattern in patterns
        ]
        self._ends = list(accumulate(prod(map(len, each.values())) for _, each in self._patterns))
        size = self._ends[-1]
        self._step = next(step for step in count(int(size * 0.618)) if gcd(step, size) == 1)

    def __getitem__(self, number: int) -> str:
        place = number * self._step % self._ends[-1]
        which = bisect_right(self._ends, place)
        pattern, words = self._patterns[which]
        chosen = {}
        for name, choices in words.items():
            place, at = divmod(place, len(choices))
            chosen[name] = choices[at]
        text = pattern.format(**chosen)
        return text[0].upper() + text[1:]


def _load() -> dict[str, _Headlines]:
    found: dict[str, Any] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    common = {name: found[name] for name in ("quote", "number")}
    return {
        category: _Headlines(found["patterns"], words | common)
        for category, words in found["categories"].items()
    }


_HEADLINES: Final = _load()


def headline(category: str, number: int) -> str:
    """Return the headline of the post with this number; 50,000 in a row differ from each other."""
    return _HEADLINES[category][number]
