"""The buffer is limited and in order, and every event that leaves it is accounted for."""

import pytest

from engagement_client import Limits
from engagement_client.buffer import Batch, Buffer, Entry


def entries(count: int, size: int = 9, since: int = 0) -> list[Entry]:
    """Return entries whose bytes begin with their number; each counts *size* + 1 bytes."""
    return [Entry(b"%0*d" % (size, n), float(n)) for n in range(since, since + count)]


def filled(count: int, **limits: float) -> Buffer:
    buffer = Buffer(Limits(**limits))  # type: ignore[arg-type]
    for entry in entries(count):
        assert buffer.add(entry)
    return buffer


def numbers(batch: Batch) -> list[int]:
    return [int(entry.raw) for entry in batch]


def take_all(buffer: Buffer) -> list[list[int]]:
    batches = []
    while batch := buffer.take():
        batches.append(numbers(batch))
        buffer.settle([])
    return batches


def test_events_in_flight_count_against_the_maximum() -> None:
    buffer = filled(3, max_events=3)
    buffer.take()
    assert not buffer.add(Entry(b"x", 0.0))

    buffer.settle([])
    assert buffer.add(Entry(b"x", 0.0))


def test_bytes_of_delivered_events_are_free_again() -> None:
    buffer = filled(3, max_bytes=30)
    assert not buffer.add(Entry(b"", 0.0))

    [_, *rest] = buffer.take()
    buffer.settle([rest])
    assert buffer.add(Entry(b"9 bytes..", 0.0))
    assert not buffer.add(Entry(b"", 0.0))


def test_batch_is_due_when_it_is_full_or_its_oldest_event_is_old_enough() -> None:
    buffer = Buffer(Limits(flush_seconds=2, batch_events=3))
    assert buffer.due_at() is None
    for entry, due_at in zip(entries(3, since=5), [7.0, 7.0, 0.0], strict=True):
        buffer.add(entry)
        assert buffer.due_at() == due_at
    assert filled(3, batch_bytes=30).due_at() == 0.0
    assert filled(2, batch_bytes=30).due_at() != 0.0


def test_batch_is_due_immediately_when_the_buffer_was_full() -> None:
    buffer = filled(3, max_events=3)
    assert buffer.due_at() == 1.0

    assert not buffer.add(Entry(b"x", 9.0))
    assert buffer.due_at() == 0.0


# Brackets and commas included: [ 9 , 9 , 9 ] are 31 bytes.
@pytest.mark.parametrize(
    ("limits", "expected"),
    [({"batch_events": 4}, 4), *(({"batch_bytes": n}, m) for n, m in ((31, 3), (30, 2), (5, 1)))],
)
def test_batch_has_no_more_events_and_bytes_than_allowed(
    limits: dict[str, float], expected: int
) -> None:
    assert numbers(filled(7, **limits).take()) == [*range(expected)]


def test_batch_has_one_route_and_the_oldest_events() -> None:
    buffer = Buffer(Limits())
    for n, path in enumerate("eerre"):
        buffer.add(Entry(b"%d" % n, 0.0, path))

    assert take_all(buffer) == [[0, 1], [2, 3], [4]]


def test_retried_parts_are_sent_first() -> None:
    buffer = filled(6, batch_events=4)
    batch = buffer.take()
    buffer.settle([batch[:2], [], batch[3:]])

    assert (len(buffer), buffer.added, buffer.settled) == (5, 6, 1)
    assert buffer.due_at() == 0.0
    assert take_all(buffer) == [[0, 1], [3], [4, 5]]
    assert len(buffer) == 0


def test_drained_buffer_returns_every_event_in_order() -> None:
    buffer = filled(6, batch_events=2)
    first = buffer.take()
    buffer.settle([first[:1], first[1:]])
    buffer.take()

    assert numbers(buffer.drain()) == [0, 1, 2, 3, 4, 5]
    assert (len(buffer), buffer.due_at(), list(buffer.drain())) == (0, None, [])


@pytest.mark.parametrize(
    "limits",
    [
        {"max_events": 0},
        {"batch_events": 1_001},
        {"batch_bytes": 2**20 + 1},
        {"flush_seconds": -1},
        {"give_up_seconds": float("nan")},
    ],
)
def test_invalid_limits_are_rejected(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"positive|at most"):
        Limits(**limits)  # type: ignore[arg-type]
    assert Limits(flush_seconds=0, block_seconds=0, close_seconds=0).flush_seconds == 0
