from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from consumer.transaction import bisect


@given(st.integers(0, 300), st.sets(st.integers(0, 299)), st.integers(1, 20))
async def test_bisect_finds_the_first_rejected_units_in_order(
    size: int, bad: set[int], limit: int
) -> None:
    async def rejection(units: Sequence[int]) -> str | None:
        rejected = [unit for unit in units if unit in bad]
        return f"unit {rejected[0]}" if rejected else None

    found = await bisect(range(size), rejection, limit)

    expected = sorted(unit for unit in bad if unit < size)[:limit]
    assert found == [(unit, f"unit {unit}") for unit in expected]


async def test_bisect_needs_few_calls_for_one_rejected_unit() -> None:
    sizes = []

    async def rejection(units: Sequence[int]) -> str | None:
        sizes.append(len(units))
        return "rejected" if 7_777 in units else None

    assert await bisect(range(10_000), rejection, 100) == [(7_777, "rejected")]
    assert len(sizes) <= 30
    assert sum(sizes) <= 3 * 10_000


async def test_bisect_finds_nothing_when_units_are_rejected_only_together() -> None:
    async def rejection(units: Sequence[int]) -> str | None:
        return "too many" if len(units) > 1 else None

    assert await bisect(range(8), rejection, 100) == []
