"""The languages of the dashboard, and which of them a reader gets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Final, Self

FOLDER: Final = Path(__file__).with_name("static") / "languages"
DEFAULT: Final = "en"
_PLACEHOLDER: Final = re.compile(r"\{text:([\w.]+)\}")
_RANGE: Final = re.compile(r"\s*([A-Za-z0-9-]+|\*)\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")

Text = str | Mapping[str, str]
"""A text, or one for each plural category."""


@dataclass(frozen=True)
class Language:
    """A language and its texts, from one file of the folder.

    Attributes:
        code: language tag in lower case, such as ``de``; the name of the file.
        name: in the language itself.
        locale: of numbers and dates.
        texts: by key.
    """

    code: str
    name: str
    locale: str
    texts: Mapping[str, Text]

    @classmethod
    def load(cls, path: Path) -> Self:
        return cls(path.stem, **json.loads(path.read_text(encoding="utf-8")))

    @cached_property
    def script(self) -> str:
        """The script that hands the texts to the page's modules."""
        messages = {"locale": self.locale, "texts": self.texts}
        return f"globalThis.messages = {json.dumps(messages, ensure_ascii=False)};\n"

    def fill(self, page: str) -> str:
        """Return HTML with the texts in place of ``{text:key}``."""
        return _PLACEHOLDER.sub(lambda found: escape(str(self.texts[found[1]])), page)


def load_languages() -> dict[str, Language]:
    """Return all languages by code."""
    return {path.stem: Language.load(path) for path in sorted(FOLDER.glob("*.json"))}


def choose_language(available: Mapping[str, Language], wanted: str, accepted: str) -> Language:
    """Return the language of a page.

    Args:
        available: by code.
        wanted: the language tag in the address; may be empty.
        accepted: the Accept-Language header, in which browsers send their ``navigator.languages``.
    """
    for tag in (wanted, *_by_preference(accepted)):
        subtags = tag.lower().split("-")
        # The lookup of RFC 4647: de-AT is served by de.
        for length in range(len(subtags), 0, -1):
            if found := available.get("-".join(subtags[:length])):
                return found
    return available[DEFAULT]


def _by_preference(accepted: str) -> list[str]:
    ranges = [found for part in accepted.split(",") if (found := _RANGE.fullmatch(part))]
    weights = [(found[1], float(found[2] or 1)) for found in ranges]
    return [tag for tag, weight in sorted(weights, key=lambda each: -each[1]) if weight]
