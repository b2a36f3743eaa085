"""Which findings are sent, and when: no more often than wanted, and not at night. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time

from engage.monitoring.findings import Finding, Severity
from schema.errors import SetupError


@dataclass(frozen=True)
class QuietHours:
    """From one local time to another, over midnight if need be; equal ones: never."""

    start: time = time(0)
    end: time = time(0)

    @classmethod
    def parse(cls, text: str) -> "QuietHours":
        """Read ``22:00-07:00``; empty: never. Raises SetupError."""
        if not text.strip():
            return cls()
        try:
            start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
        except ValueError:
            raise SetupError("quiet hours: two times of day, such as 22:00-07:00") from None
        return cls(start, end)

    def include(self, moment: datetime) -> bool:
        """Whether it is quiet at a moment, told by its own zone's clocks."""
        now = moment.time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@dataclass(frozen=True)
class Sent:
    """When what was sent last, by key: seconds since 1970, and how grave it was."""

    at: dict[str, tuple[float, int]] = field(default_factory=dict)

    def with_sent(self, findings: Iterable[Finding], now: float) -> "Sent":
        """Return what is known after these were sent."""
        return Sent(self.at | {f.key: (now, int(f.severity)) for f in findings})

    def still_standing(
        self, findings: Iterable[Finding], cooldown_seconds: float, now: float
    ) -> "Sent":
        """Return what is known without what ended so long ago that it would be news."""
        keys = {finding.key for finding in findings}
        return Sent(
            {
                key: value
                for key, value in self.at.items()
                if key in keys or now - value[0] < cooldown_seconds
            }
        )


def due(
    findings: Iterable[Finding], sent: Sent, cooldown_seconds: float, now: float, *, is_quiet: bool
) -> list[Finding]:
    """Return what is to be sent.

    A finding is sent again after the cooldown, or at once if it got graver. In quiet hours only
    what is critical is sent; the rest waits for their end, and is sent then if it still stands.
    """
    found = []
    for finding in findings:
        if is_quiet and finding.severity < Severity.CRITICAL:
            continue
        at, severity = sent.at.get(finding.key, (float("-inf"), 0))
        if now - at >= cooldown_seconds or finding.severity > severity:
            found.append(finding)
    return found
