"""Right-to-left names in left-to-right sentences.

Between FSI and PDI (Unicode Standard Annex 9), a name does not change the direction of the text
around it. Characters that embed or override directions are removed, because they disguise text.
"""

import re
import unicodedata
from typing import Final

FIRST_STRONG_ISOLATE: Final = "\u2068"
POP_ISOLATE: Final = "\u2069"
_CONTROLS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})


def without_controls(text: str) -> str:
    """Remove the characters that embed, override or isolate directions."""
    return text if text.isascii() else _CONTROLS.sub("", text)


def isolated(name: str) -> str:
    """Isolate a name for use in a sentence, if it has right-to-left characters."""
    if name.isascii():
        return name
    plain = without_controls(name)
    if any(unicodedata.bidirectional(each) in _RIGHT_TO_LEFT for each in plain):
        return f"{FIRST_STRONG_ISOLATE}{plain}{POP_ISOLATE}"
    return plain
