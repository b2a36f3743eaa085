"""Sent = accepted = stored = shown: journals compared with the ledger, posts and reports."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from loadgen.account import Account, settle
from loadgen.ledger import Totals, fetch_totals, open_reader
from loadgen.progress import Progress, silent
from loadgen.verification.compare import Comparison, choose
from loadgen.verification.known import Known
from loadgen.verification.recompute import Recomputation, Refresh, recompute
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
    posts_checked: int
    posts_unknown: int
    is_exact: bool
    reports: Mapping[str, int]
    why_no_reports: str
    faults: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether sent = accepted = stored."""
        return not self.faults


async def verify(  # noqa: PLR0913  (the command line's options)
    api_url: str,
    read_key: str | None,
    journals: Sequence[Path],
    *,
    known: Known | None = None,
    refresh: Refresh | None = None,
    sample_posts: int | None = 500,
    is_alone: bool = True,
    timeout_seconds: float = 60.0,
    progress: Progress = silent,
) -> Verification:
    """Wait until what the journals tell has arrived, then compare.

    Args:
        api_url: of the read API.
        read_key: a read key; None where none is needed.
        journals: of all runs since the ledger stood as their first one noted.
        known: the catalogue; None: the reports are not compared.
        refresh: brings their view up to date; None: the refresher's next round is waited for.
        sample_posts: how many posts to compare; None: each post that was engaged with.
        is_alone: nobody else sends, so what is stored beyond the journals is a fault.
        timeout_seconds: how long to wait for the ledger to come to rest.
        progress: called with the records arrived, then with the posts compared.

    Raises:
        Unavailable: the read API does not answer.
        SetupError: the read key is refused, or there is no read API at the URL.
    """
    account = settle(journals)
    async with open_reader(api_url, read_key) as reader:
        ledger = await _come_to_rest(reader, account, timeout_seconds, progress)
        is_exact = ledger.stored <= len(account.identities) + len(account.unknown)
        posts = Comparison(account, is_exact=is_exact)
        await posts.run(reader, choose(account, sample_posts), progress)
        reports = Recomputation(why_not=_why_no_reports(account, ledger, known))
        if known and not reports.why_not:
            reports = await recompute(reader, account, known, progress, timeout_seconds, refresh)
    faults = (*_ledger_faults(account, ledger, is_alone=is_alone), *posts.faults(), *reports.faults)
    return _verification(account, ledger, posts, reports, faults)


def _verification(
    account: Account,
    ledger: Totals,
    posts: Comparison,
    reports: Recomputation,
    faults: tuple[str, ...],
) -> Verification:
    before = account.before
    return Verification(
        sent=account.sent,
        accepted=account.accepted,
        identities=len(account.identities),
        unknown=len(account.unknown),
        stored=ledger.stored - (before.stored if before else 0),
        duplicates=ledger.duplicates - (before.duplicates if before else 0),
        posts_checked=posts.checked,
        posts_unknown=posts.unknown,
        is_exact=posts.is_exact,
        reports=reports.numbers,
        why_no_reports=reports.why_not,
        faults=faults,
    )


def _why_no_reports(account: Account, ledger: Totals, known: Known | None) -> str:
    """Return why reports cannot be recomputed from the journals, or nothing."""
    if known is None:
        return "that is what `engage load verify` does"
    if account.unknown:
        return f"{len(account.unknown):,} events may be stored, or not"
    others = ledger.stored - len(account.identities)
    if others > 0:
        return f"{others:,} stored events stand in no journal that is given"
    return "not all that was accepted is stored" if others else ""


async def _come_to_rest(
    reader: aiohttp.ClientSession, account: Account, timeout_seconds: float, progress: Progress
) -> Totals:
    """Return the ledger when everything accepted went through, or as it is at the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            ledger = await fetch_totals(reader)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
        else:
            arrived = _arrived(account, ledger)
            is_at_rest = ledger.in_flight == 0 and arrived >= account.accepted
            progress("arrived", min(arrived, account.accepted), account.accepted, "")
            if is_at_rest or time.monotonic() > deadline:
                return ledger
        await asyncio.sleep(_POLL_SECONDS)


def _arrived(account: Account, ledger: Totals) -> int:
    """Return how many records went through the consumer since the first run."""
    arrived = ledger.stored + ledger.duplicates + ledger.dead_lettered
    if before := account.before:
        arrived -= before.stored + before.duplicates + before.dead_lettered
    return arrived


def _ledger_faults(account: Account, ledger: Totals, *, is_alone: bool) -> list[str]:
    faults = [f"{count:,} times {what}" for what, count in account.surprises.items()]
    if ledger.in_flight != 0 and is_alone:
        faults.append(f"{_shown(ledger.in_flight)} records are still in flight")
    if not ledger.is_balanced:
        faults.append("the ledger does not balance")
    if (arrived := _arrived(account, ledger)) < account.accepted:
        faults.append(f"{account.accepted:,} events were accepted but {arrived:,} arrived")
    if account.before:
        faults += _difference_faults(account, account.before, ledger, is_alone=is_alone)
    elif ledger.stored < len(account.identities):
        faults.append(
            f"{len(account.identities):,} distinct events were accepted but the ledger knows"
            f" {ledger.stored:,}"
        )
    return faults


def _difference_faults(
    account: Account, before: Totals, ledger: Totals, *, is_alone: bool
) -> list[str]:
    faults = []
    stored = ledger.stored - before.stored
    least = len(account.identities)
    most = least + len(account.unknown)
    if stored < least:
        faults.append(
            f"{least:,} distinct events were accepted but {stored:,} stored:"
            " lost, or sent before by a run whose journal is not given"
        )
    if stored > most and is_alone:
        faults.append(
            f"{stored:,} events were stored but at most {most:,} sent: stored twice,"
            " or sent by others"
        )
    if dead := ledger.dead_lettered - before.dead_lettered:
        faults.append(f"{dead:,} records became dead letters")
    return faults


def _shown(count: int | None) -> str:
    return "an unknown number of" if count is None else f"{count:,}"
