"""Slots as an iCalendar file (RFC 5545), for calendars of any zone: times are in UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
_HEAD: Final = (
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//engagement-analytics//when to post//EN",
    "CALSCALE:GREGORIAN",
    "METHOD:PUBLISH",
)
_LINE_BYTES: Final = 75


def calendar_file(slots: Iterable[Any], about: str, as_of: datetime) -> str:
    """Return a calendar with one event per slot.

    Args:
        slots: NextSlot of the report.
        about: the category of the posts; may be empty.
        as_of: when the data of the slots were true.
    """
    lines = list(_HEAD)
    for slot in slots:
        start = _utc(slot.start)
        of_whom = f", {about}" if about else ""
        lines += [
            "BEGIN:VEVENT",
            f"UID:{start}-{_text(about) or 'all'}@engagement-analytics",
            f"DTSTAMP:{_utc(as_of)}",
            f"DTSTART:{start}",
            f"DTEND:{_utc(slot.end)}",
            f"SUMMARY:{_text(f'Good hour to publish: {slot.lift_pct:+.0f} %{of_whom}')}",
            f"DESCRIPTION:{_text(_description(slot))}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _description(slot: Any) -> str:
    return (
        f"Posts published on {slot.day_name} from {slot.hour_of_day:02d}:00 on earned"
        f" {slot.lift_pct:+.1f} % ({slot.low_pct:+.1f} to {slot.high_pct:+.1f}) in their first"
        f" hours, compared with their authors' other posts. {slot.posts} posts."
    )


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """Escape as section 3.3.11 wants it; other control characters are left out."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return "".join(character for character in value if character.isprintable())


def _folded(line: str) -> str:
    """Break a line into lines of at most 75 bytes, without splitting a character (section 3.1)."""
    parts, size = [""], 0
    for character in line:
        width = len(character.encode())
        if size + width > _LINE_BYTES:
            parts.append(" ")
            size = 1
        parts[-1] += character
        size += width
    return "\r\n".join(parts)
