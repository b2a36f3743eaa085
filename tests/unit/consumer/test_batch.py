from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from consumer.batch import Batch, Cursor, PartitionBatch, add_records
from consumer.decode import Rules, fingerprint
from schema.errors import Halted
from schema.wire import encode
from tests.factories import WINDOW, Message, messages, record, value

RULES = Rules(WINDOW, 3)


def batch(now: float = 0.0, **fields: Any) -> Batch:
    return Batch(3, 1_000, 0.5, clock=lambda: now, **fields)


def add(cursor: Cursor, records: Sequence[Message]) -> PartitionBatch:
    part = batch().open_partition(0, cursor)
    add_records(cursor, part, records, RULES)
    return part


@pytest.mark.parametrize(
    ("fields", "is_due"),
    [
        pytest.param({}, False, id="just opened"),
        pytest.param({"records": 3}, True, id="full of records"),
        pytest.param({"records": 1, "size_bytes": 1_000}, True, id="full of bytes"),
        pytest.param({"records": 1, "opened_at": -0.5}, True, id="old"),
    ],
)
def test_batch_is_due_when_full_or_old_and_not_empty(fields: dict[str, Any], is_due: bool) -> None:
    opened = batch(**({"opened_at": 0.0} | fields))

    assert opened.is_due is is_due
    assert not batch(now=60.0).is_due  # which is empty


@pytest.mark.parametrize("bad", [b"", b"not an event"], ids=["plain", "one by one"])
def test_every_offset_is_counted_and_gaps_are_skipped(bad: bytes) -> None:
    records = messages(8, 10, 12, 15)
    if bad:
        records.append(Message(16, bad))
    part = add(Cursor(10), records)

    assert (part.first_offset, part.next_offset) == (10, 17 if bad else 16)
    assert (len(part.rows), len(part.dead_letters), part.skipped) == (3, int(bool(bad)), 3)


def test_last_consumed_record_is_compared_and_not_stored_again() -> None:
    first, second = messages(9, 10)
    cursor = Cursor(10, unverified=fingerprint(first))
    part = add(cursor, [first, second])
    assert cursor.unverified is None
    assert (len(part.rows), part.skipped) == (1, 0)

    cursor = Cursor(10, unverified=fingerprint(first))
    part = batch().open_partition(0, cursor)
    with pytest.raises(Halted, match="log_diverged"):
        add_records(cursor, part, [Message(9, value(post_id=2)), second], RULES)
    assert (cursor.next_offset, part.rows, part.skipped) == (10, [], 0)


def test_stored_event_resets_the_count_of_dead_letters_in_a_row() -> None:
    records = [*messages(0), Message(1, b"x"), Message(2, b"x")]
    part = add(Cursor(0, consecutive_dead_letters=2), records)

    assert (part.halt, part.consecutive_dead_letters) == (None, 2)


def test_first_of_repeats_in_a_batch_is_kept_across_partitions() -> None:
    first = record(post_id=1)
    repeat = record(event_id=first.event_id, post_id=2)
    later = record(
        event_id=first.event_id, engaged_timestamp=first.engaged_timestamp + timedelta(seconds=1)
    )
    both = batch(partitions={0: add(Cursor(0), [Message(0, encode(first))])})
    both.partitions[1] = add(Cursor(0), [Message(0, encode(repeat)), Message(1, encode(later))])
    both.drop_repeats()

    assert [row[2] for row in both.partitions[0].rows] == [1]
    assert [row[2] for row in both.partitions[1].rows] == [later.post_id]
    assert both.partitions[1].duplicates == 1
