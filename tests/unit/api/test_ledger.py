"""The ledger's sums, from offset rows and end offsets."""

from typing import Any

import pytest

from analytics_api.ledger import LedgerCounts, balance


def offsets(partition: int, next_offset: int) -> dict[str, Any]:
    """Return the offset row of a partition whose records are all stored."""
    counts = {"stored": next_offset, "duplicates": 0, "dead_lettered": 0, "skipped": 0}
    place = {"topic": "t", "partition": partition, "first_offset": 0, "next_offset": next_offset}
    return place | counts


COUNTS = LedgerCounts([offsets(0, 5), offsets(1, 7)], 12, 0, 0, 0, 12)


@pytest.mark.parametrize(
    ("ends", "in_flight", "total"),
    [
        ({0: 6, 1: 9}, [1, 2], 3),
        ({0: 5, 1: 7}, [0, 0], 0),
        ({0: 6}, [1, None], None),
        (None, [None, None], None),
        ({0: 5, 1: 7, 2: 4}, [0, 0, 4], 4),
    ],
)
def test_in_flight_total_is_null_when_the_end_of_a_partition_is_unknown(
    ends: dict[int, int] | None, in_flight: list[int | None], total: int | None
) -> None:
    ledger = balance(COUNTS, "t", ends)

    assert [partition.in_flight for partition in ledger.partitions] == in_flight
    assert ledger.totals.in_flight == total
    assert ledger.balanced


@pytest.mark.parametrize(
    "counts",
    [
        COUNTS._replace(engagements=11),
        COUNTS._replace(offsets=[{**offsets(0, 5), "skipped": 1}]),
        COUNTS._replace(stored_and_replayed=13),
    ],
)
def test_ledger_is_not_balanced_when_a_sum_differs(counts: LedgerCounts) -> None:
    assert not balance(counts, "t", None).balanced


def test_in_flight_total_is_null_without_partitions_while_kafka_is_unavailable() -> None:
    assert balance(COUNTS._replace(offsets=[]), "t", None).totals.in_flight is None


def test_ledger_is_not_balanced_when_more_was_consumed_than_the_log_has() -> None:
    assert not balance(COUNTS, "t", {0: 5, 1: 6}).balanced
