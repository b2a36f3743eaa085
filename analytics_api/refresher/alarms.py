"""What counts as wrong, judged from facts. Pure."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final, NamedTuple

from analytics_api.ledger.models import Ledger

_STALLED_SECONDS: Final = 30.0
_BEHIND_SECONDS: Final = 300.0
_BEHIND_RECORDS: Final = 1_000
_FEW_PARTITIONS: Final = 2
_FEW_SECONDS: Final = 60.0

GRAVE: Final = frozenset({"imbalance", "halted", "view_too_old", "partitions_running_out"})
"""Alarms that make the watch not ready; the others are told and no more."""

_HALT_FIXES: Final = {
    "dead_letters_in_a_row": "see `engage dead-letters list`, then `engage consumer resume`",
    "records_lost": "`engage consumer resume --from earliest` goes on with what is left",
    "log_diverged": "see docs/dead-letters.md, then `engage consumer resume --from earliest`",
}


class Alarm(NamedTuple):
    """One thing that is wrong: its name, what it is about, and the facts for the operator."""

    alarm: str
    subject: str
    detail: str

    def __str__(self) -> str:
        about = f" of {self.subject}" if self.subject else ""
        return f"{self.alarm}{about}: {self.detail}"


def of_the_ledger(ledger: Ledger) -> Iterator[Alarm]:
    """Judge whether every record is accounted for, and whether every partition goes on."""
    if not ledger.balanced:
        yield Alarm("imbalance", "", "the ledger does not add up: see `engage ledger`")
    for partition in ledger.partitions:
        if partition.halt_reason is not None:
            fix = _HALT_FIXES.get(partition.halt_reason, "`engage consumer resume` ends it")
            yield Alarm("halted", _name(partition.partition), f"{partition.halt_reason}; {fix}")


def of_the_view(age_seconds: float | None, limit_seconds: float) -> Iterator[Alarm]:
    """Judge the age of what the view shows."""
    if age_seconds is not None and age_seconds > limit_seconds:
        detail = f"engagement_stats shows what was {math.floor(age_seconds)} s ago"
        yield Alarm("view_too_old", "", detail)


def of_expiry(oldest_overdue: date | None) -> Iterator[Alarm]:
    """Judge whether days are let go of when their retention is over."""
    if oldest_overdue is not None:
        detail = f"{oldest_overdue} is past retention and still here: see the refresher's log"
        yield Alarm("expiry_overdue", "", detail)


def of_the_disks(free_by_path: Mapping[str, float], least_percent: float) -> Iterator[Alarm]:
    """Judge the free space of file systems, in percent of each."""
    for path, free_percent in free_by_path.items():
        if free_percent < least_percent:
            yield Alarm("disk_filling_up", path, f"{free_percent:.1f} % of the space is free")


def _name(partition: int) -> str:
    return f"partition {partition}"


class PartitionsWatch:
    """Remembers since when too few days are made ahead: at a first start their making is due."""

    def __init__(self) -> None:
        self._few_since: float | None = None

    def look(self, ahead: int, now: float) -> list[Alarm]:
        """Judge how many daily partitions exist after today, at *now* in monotonic seconds."""
        if ahead >= _FEW_PARTITIONS:
            self._few_since = None
            return []
        if self._few_since is None:
            self._few_since = now
        lasts = now - self._few_since >= _FEW_SECONDS
        detail = f"{ahead} daily partitions exist after today: see `engage db partitions`"
        return [Alarm("partitions_running_out", "", detail)] if lasts else []


class _Look(NamedTuple):
    at: float
    next_offset: int
    lag: int


class LagWatch:
    """Remembers five minutes of each partition's lag, to tell one that does not shrink."""

    def __init__(self) -> None:
        self._looks: dict[int, deque[_Look]] = {}
        self._kafka_away_since: float | None = None

    def look(self, ledger: Ledger, now: float) -> list[Alarm]:
        """Return what is wrong with the lags, with *now* in monotonic seconds added to them."""
        if ledger.totals.in_flight is None:
            if self._kafka_away_since is None:
                self._kafka_away_since = now
            away_seconds = now - self._kafka_away_since
            silent = away_seconds >= _STALLED_SECONDS
            detail = f"Kafka has not told the log's ends for {away_seconds:.0f} s"
            return [Alarm("lag_unknown", "", detail)] if silent else []
        self._kafka_away_since = None
        for partition in ledger.partitions:
            looks = self._looks.setdefault(partition.partition, deque())
            looks.append(_Look(now, partition.next_offset, partition.in_flight or 0))
            while looks[0].at < now - _BEHIND_SECONDS:
                looks.popleft()
        return [alarm for number, looks in self._looks.items() for alarm in _judge(number, looks)]


def _judge(partition: int, looks: Iterable[_Look]) -> Iterator[Alarm]:
    *before, last = looks
    stuck = [
        look.at for look in before if look.next_offset == last.next_offset and look.lag and last.lag
    ]
    if stuck and last.at - stuck[0] >= _STALLED_SECONDS:
        detail = f"{last.lag:,} records wait, none was stored for {last.at - stuck[0]:.0f} s"
        yield Alarm("stalled", _name(partition), detail)
    elif (
        before
        and last.at - before[0].at >= _BEHIND_SECONDS * 0.9
        and min(look.lag for look in [*before, last]) >= _BEHIND_RECORDS
        and last.lag >= before[0].lag
    ):
        detail = f"{last.lag:,} records wait, {before[0].lag:,} five minutes ago"
        yield Alarm("falling_behind", _name(partition), detail)
