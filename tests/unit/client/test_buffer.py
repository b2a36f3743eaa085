"""The buffer: bounded, in order, and nothing leaves it unaccounted."""

import pytest

from engagement_client import Limits
from engagement_client.buffer import Batch, Buffer, Entry


def entries(count: int, size: int = 9, since: int = 0) -> list[Entry]:
    """Entries whose bytes begin with their number; each counts *size* + 1 bytes."""
    return [Entry(b"%0*d" % (size, n), float(n)) for n in range(since, since + count)]


def filled(count: int, **limits: float) -> Buffer:
    buffer = Buffer(Limits(**limits))  # type: ignore[arg-type]
    assert all(buffer.add(entry) for entry in entries(count))
    return buffer


def numbers(batch: Batch) -> list[int]:
    return [int(entry.raw) for entry in batch]


def test_events_on_their_way_count_against_the_bound() -> None:
    buffer = filled(3, max_events=3)
    buffer.take()
    assert not buffer.add(Entry(b"x", 0.0))

    buffer.settle([])
    assert buffer.add(Entry(b"x", 0.0))


def test_bytes_are_bounded_too_and_given_back() -> None:
    buffer = filled(3, max_bytes=30)
    assert not buffer.add(Entry(b"", 0.0))

    [first, *rest] = buffer.take()
    buffer.settle([rest])
    assert buffer.add(Entry(b"9 bytes..", 0.0))
    assert not buffer.add(Entry(b"", 0.0))
    assert first.raw == b"000000000"


def test_an_unfinished_batch_is_due_when_its_oldest_event_is_old_enough() -> None:
    buffer = Buffer(Limits(flush_seconds=2, batch_events=3))
    assert buffer.due_at() is None
    for entry, due_at in zip(entries(3, since=5), [7.0, 7.0, 0.0], strict=True):
        buffer.add(entry)
        assert buffer.due_at() == due_at


def test_a_batch_has_no_more_events_and_bytes_than_allowed() -> None:
    buffer = filled(7, batch_events=4)
    assert numbers(buffer.take()) == [0, 1, 2, 3]

    # Brackets and commas included: [ 9 , 9 , 9 ] are 31 bytes.
    for allowed, expected in ((31, 3), (30, 2), (5, 1)):
        batch = filled(7, batch_bytes=allowed).take()
        assert len(batch) == expected


def test_a_batch_goes_to_one_route_and_what_came_first_goes_first() -> None:
    buffer = Buffer(Limits())
    for n, path in enumerate("eerre"):
        buffer.add(Entry(b"%d" % n, 0.0, path))
    batches = []
    while batch := buffer.take():
        batches.append(numbers(batch))
        buffer.settle([])

    assert batches == [[0, 1], [2, 3], [4]]


def test_a_full_batch_of_bytes_is_due_at_once() -> None:
    assert filled(3, batch_bytes=30).due_at() == 0.0
    assert filled(2, batch_bytes=30).due_at() != 0.0


def test_a_full_buffer_that_had_to_turn_one_away_is_due_at_once() -> None:
    buffer = filled(3, max_events=3)
    assert buffer.due_at() == 1.0

    assert not buffer.add(Entry(b"x", 9.0))
    assert buffer.due_at() == 0.0


def test_what_comes_back_goes_out_first_in_its_parts() -> None:
    buffer = filled(6, batch_events=4)
    batch = buffer.take()
    buffer.settle([batch[:2], [], batch[3:]])

    assert (len(buffer), buffer.added, buffer.settled) == (5, 6, 1)
    assert buffer.due_at() == 0.0
    order = []
    while batch := buffer.take():
        order.append(numbers(batch))
        buffer.settle([])
    assert order == [[0, 1], [3], [4, 5]]
    assert len(buffer) == 0


def test_everything_can_be_taken_back_in_order() -> None:
    buffer = filled(6, batch_events=2)
    first = buffer.take()
    buffer.settle([first[:1], first[1:]])
    buffer.take()

    assert numbers(buffer.surrender()) == [0, 1, 2, 3, 4, 5]
    assert (len(buffer), buffer.due_at(), list(buffer.surrender())) == (0, None, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_events": 0},
        {"batch_events": 1_001},
        {"batch_bytes": 2**20 + 1},
        {"flush_seconds": -1},
        {"give_up_seconds": float("nan")},
    ],
)
def test_bounds_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"positive|a batch has"):
        Limits(**wrong)  # type: ignore[arg-type]


def test_no_waiting_at_all_may_be_asked_for() -> None:
    assert Limits(flush_seconds=0, block_seconds=0, close_seconds=0).flush_seconds == 0
