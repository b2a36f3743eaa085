from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr

from consumer import metrics
from consumer.assignment import Assignment
from consumer.batch import Cursor
from consumer.settings import ConsumerSettings
from schema.errors import Halted
from tests.factories import Message


class TopicOfOnePartition:
    """A fake Topic: partition 0 is assigned."""

    def __init__(self) -> None:
        self.is_paused = False

    def assigned(self) -> set[int]:
        return {0}

    def reading(self) -> set[int]:
        return set() if self.is_paused else {0}

    def pause(self, _partitions: Iterable[int]) -> None:
        self.is_paused = True

    def end(self, _partition: int) -> int:
        return 5

    def polled_at(self, _partition: int) -> datetime | None:
        return None


@pytest.fixture
def assignment() -> Assignment:
    settings = ConsumerSettings(database_url=SecretStr("postgresql://"), dead_letter_limit=3)
    topic: Any = TopicOfOnePartition()
    return Assignment(settings, topic)


def test_partition_is_not_read_again_before_its_halt_is_written(assignment: Assignment) -> None:
    assignment._cursors[0] = Cursor(0)
    assignment.add(0, [Message(offset, b"no event") for offset in range(5)])

    assert len(assignment.batch.partitions[0].dead_letters) == 3
    assert assignment.without_position() == set()
    assert assignment.take_batch().partitions[0].halt is not None
    assert assignment.without_position() == {0}


def test_batch_is_empty_when_its_only_partition_is_discarded(assignment: Assignment) -> None:
    assignment._cursors[0] = Cursor(0)
    assignment.add(0, [Message(offset, b"no event") for offset in range(2)])
    assignment.discard(0)
    assignment._cursors[0] = Cursor(0)

    assert assignment.is_idle
    assert (assignment.batch.records, assignment.batch.size_bytes) == (0, 0)


def test_revoked_partition_has_no_halt_and_no_metrics(assignment: Assignment) -> None:
    metrics.LAG.labels(0).set(7)
    assignment.halt(0, Halted("records_lost", ""))
    assert metrics.HALTED.labels(0)._value.get() == 1
    assignment.revoke(0)

    assert assignment.halted == {}
    assert not any(
        sample.labels.get("partition") == "0"
        for gauge in (metrics.LAG, metrics.HALTED)
        for metric in gauge.collect()
        for sample in metric.samples
    )
