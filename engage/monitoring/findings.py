"""What a look at the system found: alarms of the pipeline, and what moves. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

from analytics_api.refresher.alarms import GRAVE

_LEAST_POSTS: Final = 3
_MOST_WEAK_PCT: Final = 50.0


class Severity(IntEnum):
    """As a monitoring plugin's exit code says it."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Finding(NamedTuple):
    """One thing to look at.

    Attributes:
        check: pipeline, movers or weak-hours.
        subject: the same as long as it is the same thing.
        detail: what was found, in words.
        report: which says more, as a path of the read API.
    """

    check: str
    severity: Severity
    subject: str
    detail: str
    report: str

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self.check}:{self.subject}"

    def as_row(self) -> dict[str, Any]:
        """Return it as a row of a table, or as an object of the webhook."""
        return self._asdict() | {"severity": self.severity.name.lower()}


def of_pipeline(ledger: Mapping[str, Any]) -> Iterator[Finding]:
    """Judge the ledger and the alarms beside it."""
    names = {alarm["alarm"] for alarm in ledger["alarms"]}
    if not ledger["balanced"] and "imbalance" not in names:
        detail = "the ledger does not add up: see `engage ledger`"
        yield Finding("pipeline", Severity.CRITICAL, "imbalance", detail, "/ops/ledger")
    for alarm in ledger["alarms"]:
        severity = Severity.CRITICAL if alarm["alarm"] in GRAVE else Severity.WARNING
        subject = f"{alarm['alarm']} {alarm['subject']}".rstrip()
        yield Finding("pipeline", severity, subject, alarm["detail"], "/ops/ledger")


def of_movers(movers: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Tell what is well above or below the usual."""
    for mover in movers:
        subject = f"{mover['dimension']} {mover['key']}".rstrip() + f" {mover['direction']}"
        report = f"/reports/movers?dimension={mover['dimension']}"
        yield Finding("movers", Severity.WARNING, subject, mover["sentence"], report)


def of_weak_hours(authors: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Tell who published mostly in weak hours."""
    for author in authors:
        if author["posts"] >= _LEAST_POSTS and author["weak_pct"] > _MOST_WEAK_PCT:
            detail = (
                f"{author['author_name']} published {author['in_weak']} of {author['posts']}"
                " posts in weak hours: see `engage report when-to-post`"
            )
            report = f"/reports/posting-hours?author={author['author_id']}"
            subject = f"author {author['author_id']}"
            yield Finding("weak-hours", Severity.WARNING, subject, detail, report)


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the gravest severity."""
    return max((finding.severity for finding in findings), default=Severity.OK)


def summary(findings: Sequence[Finding], checks: Iterable[str]) -> str:
    """Return a monitoring plugin's line: state, what was found, numbers after the bar."""
    counts = {check: sum(finding.check == check for finding in findings) for check in checks}
    ordered = sorted(findings, key=lambda finding: -finding.severity)
    told = "; ".join(finding.detail for finding in ordered) or "nothing unusual"
    numbers = " ".join(f"{check.replace('-', '_')}={number}" for check, number in counts.items())
    return f"{worst(findings).name}: {told} | {numbers}".replace("\n", " ")
