"""The IANA time zones that Python and PostgreSQL have under the same name."""

from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

_NOT_ZONES: Final = frozenset({"localtime", "posixrules", "Factory", "leapseconds"})
_NOT_IN_FOLDERS: Final = ("posix/", "right/", "SystemV/")

_ALIASES: Final = {
    "CET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "MET": "Europe/Brussels",
    "WET": "Europe/Lisbon",
}
"""Zones whose names PostgreSQL takes for abbreviations of standard time."""


@cache
def known_zones() -> frozenset[str]:
    """Return the names of all zones; the first call reads them from the disk."""
    return frozenset(
        name
        for name in available_timezones()
        if name not in _NOT_ZONES and not name.startswith(_NOT_IN_FOLDERS)
    )


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name, whose ``key`` PostgreSQL knows.

    Raises:
        ValueError: there is no such zone. Names are case-sensitive.
    """
    if name not in known_zones():
        raise ValueError("not an IANA time zone name, such as Europe/Vienna")
    return ZoneInfo(_ALIASES.get(name, name))
