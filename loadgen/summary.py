"""What came of a load and of its verification, in lines for people."""

from loadgen.plan import LoadResult
from loadgen.verification.verify import Verification


def load_lines(result: LoadResult) -> list[str]:
    """Return a load's outcome, a few lines."""
    latency = ", ".join(
        f"{name} {seconds * 1000:,.1f} ms" for name, seconds in result.latency_seconds.items()
    )
    pace = f"{result.seconds:,.1f} s ({result.events_per_second:,.0f} a second)"
    requests = f"{result.requests:,} requests, {result.retries:,} of them retries"
    distinct = f"of these {result.identities:,} distinct; unknown {result.unknown:,}"
    lines = [
        f"sent {result.sent:,} events in {pace}, {requests}",
        f"accepted {result.accepted:,}, {distinct}",
        f"latency from the intended send time: {latency}",
    ]
    if result.refused:
        codes = ", ".join(f"{count:,} {code}" for code, count in sorted(result.refused.items()))
        lines.append(f"refused {result.refused.total():,}: {codes}")
    lines += [f"UNEXPECTED: {count:,} times {what}" for what, count in result.surprises.items()]
    return lines


def verification_lines(verification: Verification) -> list[str]:
    """Return a verification's outcome, a few lines; the last one is the verdict."""
    numbers = (
        f"sent {verification.sent:,}, accepted {verification.accepted:,}"
        f" ({verification.identities:,} distinct), stored {verification.stored:,},"
        f" duplicates {verification.duplicates:,}, unknown {verification.unknown:,}"
    )
    comparison = "equal" if verification.is_exact else "at least"
    posts = (
        f"{verification.posts_checked:,} posts compared ({comparison}),"
        f" {verification.posts_unknown:,} not in the catalogue"
    )
    lines = [numbers, posts, _reports_line(verification)]
    if verification.is_clean:
        agreed = ", and every report agrees" if verification.reports else ""
        return [*lines, f"verified: sent = accepted = stored{agreed}"]
    return [*lines, *(f"FAULT: {fault}" for fault in verification.faults), "not verified"]


def _reports_line(verification: Verification) -> str:
    if not verification.reports:
        return f"reports not compared: {verification.why_no_reports}"
    counts = ", ".join(f"{name} {count:,}" for name, count in verification.reports.items())
    return f"numbers of reports recomputed from what was sent: {counts}"
