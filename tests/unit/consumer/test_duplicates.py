from random import Random

from consumer.rows import RecentIds, Row


def rows(count: int, seed: int) -> list[Row]:
    random = Random(seed)
    return [(number, random.randbytes(16), 1, None, "view", number) for number in range(count)]


def test_recent_ids_are_found_when_they_repeat() -> None:
    recent = RecentIds()
    first, between = rows(5_000, 1), rows(20_000, 2)
    recent.add(first)
    recent.add(between)

    assert len(recent.add(first)) >= 4_995


def test_new_ids_are_hardly_ever_found() -> None:
    recent = RecentIds()
    recent.add(rows(100_000, 1))

    assert len(recent.add(rows(10_000, 2))) <= 10
