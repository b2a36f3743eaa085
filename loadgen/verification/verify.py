"""Sent = accepted = stored = shown: journals compared with the ledger, posts and reports."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import aiohttp

from loadgen.journal import Account, Follower
from loadgen.ledger import Totals, fetch_totals, open_reader
from loadgen.verification.compare import Comparison, choose
from loadgen.verification.recompute import Known, Recomputation, Refresh, recompute
from runtime.progress import Progress, silent
from schema.errors import Unavailable

_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Verification:
    """The comparison. It is clean if *faults* is empty.

    Attributes:
        sent: events sent, repeats and invalid ones included.
        accepted: how many of these were accepted.
        identities: distinct accepted events.
        unknown: distinct events without an answer; they may be stored.
        stored: events the ledger stored since the first run.
        duplicates: records it recognized as repeats since then.
        posts_checked: posts whose numbers were compared.
        posts_unknown: posts that the catalogue does not know, so that nothing shows them.
        is_exact: the posts' numbers had to be equal; else, as others had stored events as
            well, not smaller.
        reports: how many numbers of each report were compared; empty: none, *why_no_reports*.
        faults: a sentence for each disagreement.
    """

    sent: int
    accepted: int
    identities: int
    unknown: int
    stored: int
    duplicates: int
    is_exact: bool
    why_no_reports: str
    faults: tuple[str, ...]
    posts_checked: int = 0
    posts_unknown: int = 0
    reports: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not self.faults

    def lines(self) -> list[str]:
        """Return the comparison in words; the last line is the verdict."""
        comparison = "equal" if self.is_exact else "at least"
        numbers = (
            f"sent {self.sent:,}, accepted {self.accepted:,} ({self.identities:,} distinct),"
            f" stored {self.stored:,}, duplicates {self.duplicates:,}, unknown {self.unknown:,}"
        )
        posts = f"{self.posts_checked:,} posts compared ({comparison})"
        lines = [numbers, f"{posts}, {self.posts_unknown:,} not in the catalogue"]
        if self.reports:
            counts = ", ".join(f"{name} {count:,}" for name, count in self.reports.items())
            lines.append(f"numbers of reports recomputed from what was sent: {counts}")
        else:
            lines.append(f"reports not compared: {self.why_no_reports}")
        if not self.is_clean:
            return [*lines, *(f"FAULT: {fault}" for fault in self.faults), "not verified"]
        agreed = ", and every report agrees" if self.reports else ""
        return [*lines, f"verified: sent = accepted = stored{agreed}"]


async def verify(  # noqa: PLR0913  (the command line's options)
    api_url: str,
    read_key: str | None,
    journals: Sequence[Path],
    *,
    growing: Sequence[Path] = (),
    known: Known | None = None,
    refresh: Refresh | None = None,
    sample_posts: int | None = 500,
    is_alone: bool = True,
    timeout_seconds: float = 60.0,
    progress: Progress = silent,
) -> Verification:
    """Wait until the events of the journals are stored, then compare.

    Args:
        api_url: of the read API.
        read_key: a read key; None where none is needed.
        journals: of all runs since the ledger that the first one recorded.
        growing: further journals, which are still written meanwhile.
        known: the catalogue; None: the reports are not compared.
        refresh: refreshes the stats view; None: wait for the refresher.
        sample_posts: how many posts to compare; None: each post that was engaged with.
        is_alone: there are no other senders, so that further stored events are an error.
        timeout_seconds: how long to wait until all records are consumed.
        progress: called with the records arrived, then with the posts compared.

    Raises:
        Unavailable: the read API does not answer.
        SetupError: the read key is rejected, or the URL is not that of a read API.
    """
    follower = Follower(journals, growing)
    async with open_reader(api_url, read_key) as reader:
        ledger = await _until_consumed(reader, follower, timeout_seconds, progress)
        account, new = follower.account, ledger.since(follower.account.before)
        found = Verification(
            sent=account.sent,
            accepted=account.accepted,
            identities=len(account.identities),
            unknown=len(account.unknown),
            stored=new.stored,
            duplicates=new.duplicates,
            is_exact=ledger.stored <= len(account.identities) + len(account.unknown),
            why_no_reports=_why_no_reports(account, ledger, known),
            faults=tuple(_ledger_faults(account, ledger, is_alone=is_alone)),
        )
        posts = Comparison(follower, is_exact=found.is_exact)
        await posts.run(reader, choose(account, sample_posts), progress)
        reports = Recomputation()
        if known and not found.why_no_reports:
            reports = await recompute(reader, follower, known, progress, timeout_seconds, refresh)
    return replace(
        found,
        posts_checked=posts.checked,
        posts_unknown=posts.unknown,
        reports=reports.numbers,
        faults=(*found.faults, *posts.faults(), *reports.faults),
    )


def _why_no_reports(account: Account, ledger: Totals, known: Known | None) -> str:
    """Return why reports cannot be recomputed from the journals, or an empty text."""
    if known is None:
        return "that is what `engage load verify` does"
    if account.unknown:
        return f"{len(account.unknown):,} events may be stored, or not"
    others = ledger.stored - len(account.identities)
    if others > 0:
        return f"{others:,} stored events are in none of the journals"
    return "not all that was accepted is stored" if others else ""


async def _until_consumed(
    reader: aiohttp.ClientSession, follower: Follower, timeout_seconds: float, progress: Progress
) -> Totals:
    """Return the ledger once all accepted events are consumed, or at the timeout."""
    deadline = time.monotonic() + timeout_seconds
    account = follower.account
    while True:
        try:
            ledger = await fetch_totals(reader)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
        else:
            follower.read_on()
            arrived = _arrived(account, ledger)
            is_complete = arrived >= account.accepted and not follower.is_waiting
            is_at_rest = ledger.in_flight == 0 and is_complete
            progress("arrived", min(arrived, account.accepted), account.accepted, "")
            if is_at_rest or time.monotonic() > deadline:
                return ledger
        await asyncio.sleep(_POLL_SECONDS)


def _arrived(account: Account, ledger: Totals) -> int:
    """Return how many records went through the consumer since the first run."""
    new = ledger.since(account.before)
    return new.stored + new.duplicates + new.dead_lettered


def _ledger_faults(account: Account, ledger: Totals, *, is_alone: bool) -> list[str]:
    faults = [f"{count:,} times {what}" for what, count in account.unexpected.items()]
    if ledger.in_flight != 0 and is_alone:
        in_flight = "an unknown number of" if ledger.in_flight is None else f"{ledger.in_flight:,}"
        faults.append(f"{in_flight} records are still in flight")
    if not ledger.is_balanced:
        faults.append("the ledger does not balance")
    if (arrived := _arrived(account, ledger)) < account.accepted:
        faults.append(f"{account.accepted:,} events were accepted but {arrived:,} arrived")
    new, least = ledger.since(account.before), len(account.identities)
    most = least + len(account.unknown)
    if new.stored < least:
        faults.append(
            f"{least:,} distinct events were accepted but {new.stored:,} stored:"
            " lost, or sent before by a run whose journal is not given"
        )
    if account.before and new.stored > most and is_alone:
        faults.append(
            f"{new.stored:,} events were stored but at most {most:,} sent: stored twice,"
            " or sent by others"
        )
    if account.before and new.dead_lettered:
        faults.append(f"{new.dead_lettered:,} records became dead letters")
    return faults
