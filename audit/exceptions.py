"""Findings that a person has judged and accepted, each for one version and a limited time."""

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.parts import Part

FILE: Final = Path(__file__).with_name("exceptions.toml")


@dataclass(frozen=True)
class Exemption:
    """One accepted finding.

    Attributes:
        part, version: the part it accepts; it does not cover other versions.
        reason: why it is acceptable.
        until: the last day on which it holds.
    """

    part: str
    version: str
    reason: str
    until: dt.date


def read() -> list[Exemption]:
    """Return every exception of the file."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["accepted"]
    return [Exemption(**entry) for entry in entries]


def reason(part: Part, accepted: list[Exemption], today: dt.date) -> str | None:
    """Return why a finding about *part* is accepted; None: it is not."""
    for entry in accepted:
        if (entry.part, entry.version) == (part.name, part.version) and today <= entry.until:
            return entry.reason
    return None
