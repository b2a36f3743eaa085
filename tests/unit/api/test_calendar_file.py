"""Slots as an iCalendar file."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from analytics_api.calendar_file import calendar_file
from analytics_api.reports.timing import NextSlot

START = datetime(2026, 3, 29, 3, tzinfo=ZoneInfo("Europe/Vienna"))  # as the clocks change
SLOT = NextSlot(
    day_name="Sunday", hour_of_day=3, posts=12, lift_pct=18.24, low_pct=4.0, high_pct=31.0,
    start=START, end=START + timedelta(hours=1),
)  # fmt: skip
AS_OF = datetime(2026, 3, 27, tzinfo=UTC)


def unfolded(text: str) -> list[str]:
    assert text.endswith("\r\n")
    return text.replace("\r\n ", "").split("\r\n")[:-1]


def test_calendar_has_an_event_in_utc_per_slot() -> None:
    lines = unfolded(calendar_file([SLOT], "Tech", AS_OF))

    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-1] == "END:VCALENDAR"
    assert "DTSTART:20260329T010000Z" in lines
    assert "DTEND:20260329T020000Z" in lines
    assert "DTSTAMP:20260327T000000Z" in lines
    assert "SUMMARY:Good hour to publish: +18 %\\, Tech" in lines
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 1


def test_calendar_lines_have_at_most_75_bytes_and_whole_characters() -> None:
    text = calendar_file([SLOT], "Gärtnern; " + "ü" * 200, AS_OF)

    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert any("Gärtnern\\; " + "ü" * 200 in line for line in unfolded(text))


def test_calendar_escapes_line_ends() -> None:
    lines = unfolded(calendar_file([SLOT], "a\r\nEND:VCALENDAR\nb", AS_OF))

    assert lines.count("END:VCALENDAR") == 1


def test_calendar_is_empty_without_slots() -> None:
    assert "VEVENT" not in calendar_file([], "", AS_OF)
