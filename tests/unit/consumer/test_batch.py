from datetime import timedelta

import pytest

from consumer.batch import Batch, Cursor, take
from consumer.decode import Rules, fingerprint
from schema.admission import Window
from schema.errors import Halted
from schema.wire import encode
from tests.factories import Message, messages, record, value

RULES = Rules(Window(past=timedelta(days=400), future=timedelta(seconds=300)), 3)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def new_batch(clock: Clock | None = None) -> Batch:
    return Batch(3, 1_000, 0.5, clock or Clock())


def accounted(batch: Batch, partition: int) -> int:
    share = batch.shares[partition]
    return len(share.rows) + share.duplicates + len(share.dead) + share.skipped


@pytest.mark.parametrize(
    ("records", "size_bytes", "waited_seconds", "due"),
    [
        pytest.param(0, 0, 0.0, False, id="opened just now"),
        pytest.param(3, 0, 0.0, True, id="full of rows"),
        pytest.param(1, 1_000, 0.0, True, id="full of bytes"),
        pytest.param(1, 1, 0.5, True, id="old"),
    ],
)
def test_due(records: int, size_bytes: int, waited_seconds: float, due: bool) -> None:
    clock = Clock()
    batch = new_batch(clock)
    batch.share(0, Cursor(0))
    batch.records, batch.size_bytes, clock.seconds = records, size_bytes, waited_seconds

    assert batch.is_due is due


def test_an_empty_batch_is_never_due() -> None:
    clock = Clock()
    batch = new_batch(clock)
    clock.seconds = 60.0

    assert not batch.is_due


def test_every_offset_is_accounted_for_with_gaps_as_skipped() -> None:
    batch, cursor = new_batch(), Cursor(10)
    take(cursor, batch.share(0, cursor), messages(10, 12, 15), RULES)
    share = batch.shares[0]

    assert (share.expected, share.next_offset, share.skipped) == (10, 16, 3)
    assert accounted(batch, 0) == share.next_offset - share.expected


def test_records_before_the_cursor_are_ignored() -> None:
    batch, cursor = new_batch(), Cursor(10)
    take(cursor, batch.share(0, cursor), messages(8, 9, 10), RULES)

    assert len(batch.shares[0].rows) == 1
    assert cursor.next_offset == 11


def test_the_anchor_is_compared_and_not_counted() -> None:
    first, second = messages(9, 10)
    batch, cursor = new_batch(), Cursor(10, anchor=fingerprint(first))
    take(cursor, batch.share(0, cursor), [first, second], RULES)

    assert cursor.anchor is None
    assert accounted(batch, 0) == 1


def test_another_record_at_the_anchor_halts_and_takes_nothing() -> None:
    stored, other = Message(9, value(post_id=1)), Message(9, value(post_id=2))
    batch, cursor = new_batch(), Cursor(10, anchor=fingerprint(stored))
    with pytest.raises(Halted, match="log_diverged"):
        take(cursor, batch.share(0, cursor), [other, *messages(10)], RULES)

    assert cursor.next_offset == 10
    assert accounted(batch, 0) == 0


def test_dead_letters_in_a_row_halt_at_the_limit_and_the_rest_stays_in_the_log() -> None:
    batch, cursor = new_batch(), Cursor(0)
    poison = [Message(offset, b"x") for offset in range(5)]
    take(cursor, batch.share(0, cursor), poison, RULES)
    share = batch.shares[0]

    assert share.halt is not None
    assert share.halt.reason == "dead_letters_in_a_row"
    assert (len(share.dead), share.next_offset) == (3, 3)


def test_a_good_record_ends_the_run_of_dead_letters() -> None:
    batch, cursor = new_batch(), Cursor(0, dead_in_a_row=2)
    take(cursor, batch.share(0, cursor), [*messages(0), Message(1, b"x"), Message(2, b"x")], RULES)

    assert batch.shares[0].halt is None
    assert batch.shares[0].dead_in_a_row == 2


def test_of_repeats_in_a_batch_the_first_stays_across_partitions() -> None:
    same = record(post_id=1)
    repeat = encode(record(event_id=same.event_id, post_id=2))
    batch = new_batch()
    for partition, raw in ((0, encode(same)), (1, repeat)):
        cursor = Cursor(0)
        take(cursor, batch.share(partition, cursor), [Message(0, raw)], RULES)
    batch.drop_repeats()

    assert [row[2] for row in batch.shares[0].rows] == [1]
    assert (batch.shares[1].rows, batch.shares[1].duplicates) == ([], 1)


def test_the_same_id_at_another_time_is_another_event() -> None:
    first = record()
    later = record(
        event_id=first.event_id, engaged_timestamp=first.engaged_timestamp + timedelta(seconds=1)
    )
    batch, cursor = new_batch(), Cursor(0)
    take(
        cursor,
        batch.share(0, cursor),
        [Message(0, encode(first)), Message(1, encode(later))],
        RULES,
    )
    batch.drop_repeats()

    assert len(batch.shares[0].rows) == 2
