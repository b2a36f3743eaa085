"""The memory of recent ids names what comes again, and little else."""

from random import Random

from consumer.recent import Recent
from consumer.rows import Row


def rows(count: int, seed: int) -> list[Row]:
    random = Random(seed)
    return [(number, random.randbytes(16), 1, None, "view", number) for number in range(count)]


def test_what_came_lately_is_suspected_when_it_comes_again() -> None:
    recent = Recent()
    first, between = rows(5_000, 1), rows(20_000, 2)
    recent.suspects(first)
    recent.suspects(between)

    assert len(recent.suspects(first)) >= 4_995


def test_what_is_new_is_hardly_ever_suspected() -> None:
    recent = Recent()
    recent.suspects(rows(100_000, 1))

    assert len(recent.suspects(rows(10_000, 2))) <= 10
