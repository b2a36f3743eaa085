"""Poison in the log: a consumer process of its own, on a topic and a database of its own."""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schema.event import MAX_EVENT_BYTES
from schema.wire import encode
from sql import load
from tests.faults.single import consuming, halt_of
from tests.integration.consumer.conftest import Pipeline, sample, until

GOOD = 5_000
POISON_EVERY = 25


def _event(**fields: object) -> bytes:
    now = datetime.now(UTC).isoformat()
    usual = {"event_id": str(uuid.uuid4()), "post_id": 1, "type": "view", "engaged_timestamp": now}
    return json.dumps(usual | fields).encode()


def _raw(member: bytes) -> bytes:
    """Return an event with a member that no honest encoder writes."""
    return _event()[:-1] + b", " + member + b"}"


POISON: dict[str, bytes | None] = {
    "no value": None,
    "nothing": b"",
    "not JSON": b"no event",
    "an array": b"[]",
    "not UTF-8": b"\xff\xfe",
    "NUL in a name": _event(post_id=None, post="a\0b"),
    "a lone surrogate in a name": _raw(rb'"user": "\ud800"'),
    "raw surrogate bytes": _raw(b'"user": "\xed\xa0\x80"'),
    "a number beyond floats": _raw(b'"user_id": 1e200000'),
    "an integer of 5,000 digits": _raw(b'"user_id": ' + b"9" * 5_000),
    "depth": b"[" * 100_000,
    "no type": json.dumps({"event_id": str(uuid.uuid4()), "post_id": 1}).encode(),
    "unknown type": _event(type="dislike"),
    "an id of 2^63": _event(post_id=2**63),
    "the year 10000": _event(engaged_timestamp="9999-12-31T23:59:59-14:00"),
    "the year 0": _event(engaged_timestamp="0000-01-01T00:00:00Z"),
    "no time zone": _event(engaged_timestamp="2026-01-01T00:00:00"),
    "the nil UUID": _event(event_id=str(uuid.UUID(int=0))),
    "too large": _event(user="x" * (MAX_EVENT_BYTES + 1)),
    "almost a megabyte": b"x" * (2**20 - 1_000),
}  # fmt: skip


async def test_f20_each_kind_of_poison_is_kept_once_and_harms_no_neighbour(
    log: Pipeline, tmp_path: Path
) -> None:
    kinds = list(POISON.values())
    good = [encode(record) for record in sample(GOOD, seed=20)]
    written: list[tuple[int, int, bytes | None]] = []
    with consuming(log, tmp_path) as consumer:
        sent = []
        for number, value in enumerate(good):
            sent.append(await log.producer.send(log.settings.topic, value, partition=0))
            if number % POISON_EVERY == 0:
                poison = kinds[number // POISON_EVERY % len(kinds)]
                meta = await log.producer.send_and_wait(
                    log.settings.topic, poison, key=b"bad", partition=0
                )
                written.append((meta.partition, meta.offset, poison))
        await asyncio.gather(*sent)
        await log.until_accounted(GOOD + len(written))

        assert consumer.child.poll() is None
    found = await log.connection.fetch(
        'SELECT partition, "offset", value FROM dead_letters ORDER BY partition, "offset"'
    )
    assert [tuple(row) for row in found] == sorted(written, key=lambda letter: letter[:2])
    assert await log.stored() == GOOD
    assert await log.failed_checks() == []
    assert await log.connection.fetch(load("verify_ledger").text) == []


@pytest.mark.faults
async def test_f22_when_everything_is_bad_the_partition_halts_and_stays_so_until_told(
    log: Pipeline, tmp_path: Path
) -> None:
    bad, limit = 2_000, 100
    for _ in range(bad):
        await log.producer.send(log.settings.topic, b"no event", partition=0)
    await log.producer.flush()
    letters = "SELECT count(*) FROM dead_letters"

    async def halted() -> bool:
        return (await halt_of(log, 0))[0] == "too_many_dead_letters"

    with consuming(log, tmp_path) as consumer:
        await until(halted)
        consumer.child.kill()
    with consuming(log, tmp_path) as consumer:
        await log.produce(sample(500, seed=22), partition=1)
        await log.until_accounted(limit + 500)
        await asyncio.to_thread(consumer.until_log_has, "partition halted")
        assert await log.connection.fetchval(letters) == limit

        resume = load("resume_partition")
        values = resume.bind(topic=log.settings.topic, partition=0, target=None)
        await log.connection.execute(resume.text, *values)
        await until(halted)
        await log.until_accounted(2 * limit + 500)
        assert await log.connection.fetchval(letters) == 2 * limit
    assert await log.connection.fetch(load("verify_ledger").text) == []
