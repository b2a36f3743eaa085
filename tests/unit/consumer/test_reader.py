"""What a reader does with its partitions; the log is a fake here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr

from consumer import metrics
from consumer.batch import Cursor
from consumer.reader import Reader
from consumer.settings import ConsumerSettings
from schema.errors import Halted
from tests.factories import Message

WHY = Halted("records_lost", "they are gone")


class Log:
    """Partition 0, which is assigned and holds what no one can store."""

    def __init__(self) -> None:
        self.is_paused = False

    def assigned(self) -> set[int]:
        return {0}

    def reading(self) -> set[int]:
        return set() if self.is_paused else {0}

    def pause(self, _partitions: Iterable[int]) -> None:
        self.is_paused = True

    async def poll(self, _timeout_ms: int, _max_records: int) -> dict[int, list[Message]]:
        return {0: [Message(offset, b"no event") for offset in range(5)]}

    def end(self, _partition: int) -> int:
        return 5

    def polled_timestamp(self, _partition: int) -> datetime | None:
        return None


@pytest.fixture
def reader() -> Reader:
    settings = ConsumerSettings(database_url=SecretStr("postgresql://"), dead_letter_limit=3)
    log: Any = Log()
    return Reader(settings, log)


async def test_a_partition_that_is_to_halt_is_not_read_again_before_that_is_written(
    reader: Reader,
) -> None:
    reader._cursors[0] = Cursor(0)
    await reader.read(0)

    assert len(reader.batch.shares[0].dead) == 3
    assert reader.unsettled() == set()
    assert reader.hand_over().halting == {0}
    assert reader.unsettled() == {0}


def test_of_a_partition_that_is_let_go_nothing_is_said_any_more(reader: Reader) -> None:
    metrics.LAG.labels(0).set(7)
    reader.note_halt(0, WHY)
    assert metrics.HALTED.labels(0)._value.get() == 1
    reader.let_go(0)

    assert reader.halted == {}
    told = {sample.name for gauge in (metrics.LAG, metrics.HALTED) for sample in _samples(gauge)}
    assert told == set()


def _samples(gauge: Any) -> list[Any]:
    return [
        sample
        for metric in gauge.collect()
        for sample in metric.samples
        if sample.labels.get("partition") == "0"
    ]
