"""Loads and their verification against a server that fails on demand."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadgen.catalogue import Catalogue
from loadgen.events import Format, Mix, Wire
from loadgen.ledger import snapshot
from loadgen.load import run_load, run_loads
from loadgen.plan import LoadResult, Plan
from loadgen.send import Target
from loadgen.traffic import Facts, facts_of
from loadgen.verification.verify import Verification, verify
from schema.errors import Unavailable
from tests.integration.loadgen.fake_services import FakeServices, served

PLAN = Plan(events=100, history_days=90, batch_events=20)


@pytest.fixture(scope="module")
def facts() -> Facts:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return facts_of(Catalogue(7, midnight, post_count=1_000, user_count=100))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.ndjson"


async def load(
    server: FakeServices, plan: Plan, facts: Facts, journal: Path, **target: float
) -> LoadResult:
    before = await snapshot(server.url, None)
    return await run_load(Target(server.url, **target), plan, facts, journal, ledger=before)


async def verified(server: FakeServices, journal: Path) -> Verification:
    return await verify(server.url, None, [journal], sample_posts=None, timeout_seconds=0.5)


@pytest.mark.parametrize(
    "wire",
    [
        Wire(Format.SINGLE),
        Wire(Format.JSON),
        Wire(Format.NDJSON),
        Wire(Format.JSON, is_compressed=True),
    ],
    ids=str,
)
async def test_sent_events_are_accepted_and_stored(facts: Facts, journal: Path, wire: Wire) -> None:
    async with served(FakeServices()) as server:
        plan = replace(PLAN, wire=wire, mix=Mix(duplicates=0.2))
        result = await load(server, plan, facts, journal)
        verification = await verified(server, journal)

    assert result.identities == len(server.stored) == 100
    assert result.accepted == result.sent == 100 + server.duplicates > 105
    assert result.latency_seconds["p50"] > 0
    assert verification.is_clean
    assert verification.is_exact
    assert verification.posts_checked == len({e.post_id for e in server.stored.values()})


@pytest.mark.parametrize("failure", [503, 0], ids=["503", "reset"])
async def test_failed_request_is_repeated_with_the_same_bytes(
    facts: Facts, journal: Path, failure: int
) -> None:
    async with served(FakeServices(failures=[failure, failure])) as server:
        result = await load(server, replace(PLAN, events=20), facts, journal, connections=1)

    assert result.identities == 20
    assert result.retries == 2
    assert server.bodies == [server.bodies[0]] * 3


async def test_only_unavailable_events_are_retried(facts: Facts, journal: Path) -> None:
    async with served(FakeServices(unavailable=1)) as server:
        result = await load(server, replace(PLAN, events=20), facts, journal, connections=1)

    assert result.identities == len(server.stored) == 20
    assert len(server.bodies) == 2
    assert server.bodies[1].count(b"event_id") == 1


async def test_retry_waits_for_retry_after(facts: Facts, journal: Path) -> None:
    async with served(FakeServices(failures=[503], retry_after="1")) as server:
        result = await load(server, replace(PLAN, events=20), facts, journal)

    assert result.seconds >= 1
    assert result.latency_seconds["p50"] >= 1


async def test_events_are_unknown_after_the_deadline(facts: Facts, journal: Path) -> None:
    async with served(FakeServices(failures=[503] * 1000)) as server:
        result = await load(server, replace(PLAN, events=40), facts, journal, deadline_seconds=0.3)
        server.failures.clear()
        verification = await verified(server, journal)

    assert (result.identities, result.unknown) == (0, 40)
    assert verification.is_clean
    assert verification.unknown == 40


async def test_invalid_events_are_not_retried(facts: Facts, journal: Path) -> None:
    async with served(FakeServices()) as server:
        plan = replace(PLAN, mix=Mix(invalid=0.5), wire=Wire(Format.NDJSON))
        result = await load(server, plan, facts, journal)

    assert result.retries == 0
    assert result.unexpected == {}
    assert sum(result.refused.values()) == result.sent - 100 > 25
    assert len(result.refused) > 6


async def test_open_load_keeps_its_rate(facts: Facts, journal: Path) -> None:
    async with served(FakeServices()) as server:
        plan = Plan(events=200, rate=200)
        result = await load(server, plan, facts, journal)

    assert result.identities == 200
    assert result.seconds == pytest.approx(1.0, abs=0.3)


async def test_latency_is_measured_from_when_a_batch_was_due(facts: Facts, journal: Path) -> None:
    """One stall makes all later batches of an open load late, and each of them shows it."""
    async with served(FakeServices(failures=[503], retry_after="1")) as server:
        plan = Plan(events=100, rate=200)
        result = await load(server, plan, facts, journal, connections=1)

    assert result.latency_seconds["p50"] > 0.5


async def test_verification_finds_lost_events(facts: Facts, journal: Path) -> None:
    async with served(FakeServices(lost_every=10)) as server:
        await load(server, PLAN, facts, journal)
        verification = await verified(server, journal)

    text = " ".join(verification.faults)
    assert not verification.is_clean
    assert "100 distinct events were accepted but 90 stored" in text
    assert "shows" in text


async def test_verification_finds_events_of_others(
    facts: Facts, journal: Path, tmp_path: Path
) -> None:
    async with served(FakeServices()) as server:
        await load(server, PLAN, facts, journal)
        await load(server, replace(PLAN, seed=2), facts, tmp_path / "other.ndjson")
        alone = await verified(server, journal)
        together = await verify(server.url, None, [journal, tmp_path / "other.ndjson"])

    assert "at most 100 sent" in " ".join(alone.faults)
    assert not alone.is_exact
    assert together.is_clean
    assert together.is_exact


async def test_snapshot_fails_without_a_read_api() -> None:
    with pytest.raises(Unavailable):
        await snapshot("http://127.0.0.1:1", None)


async def test_processes_share_a_load(facts: Facts, tmp_path: Path) -> None:
    journals = [tmp_path / "0.ndjson", tmp_path / "1.ndjson"]
    shown: list[int] = []
    async with served(FakeServices()) as server:
        before = await snapshot(server.url, None)
        result = await run_loads(
            Target(server.url),
            replace(PLAN, events=201),
            facts,
            journals,
            ledger=before,
            progress=lambda _step, done, _total, _remark: shown.append(done),
        )
        verification = await verify(server.url, None, journals, timeout_seconds=0.5)

    assert result.identities == len(server.stored) == shown[-1] == 201
    assert result.latency.count == 201
    assert verification.is_clean
    assert verification.is_exact
