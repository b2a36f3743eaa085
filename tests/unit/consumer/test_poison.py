"""Halving finds what is refused, and nothing else."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from consumer.poison import find_refused


@given(st.integers(0, 300), st.sets(st.integers(0, 299)), st.integers(1, 20))
async def test_the_first_refused_units_are_found_in_order(
    size: int, bad: set[int], limit: int
) -> None:
    async def refusal(units: Sequence[int]) -> str | None:
        wrong = [unit for unit in units if unit in bad]
        return f"unit {wrong[0]}" if wrong else None

    found = await find_refused(range(size), refusal, limit)

    expected = sorted(unit for unit in bad if unit < size)[:limit]
    assert found == [(unit, f"unit {unit}") for unit in expected]


async def test_one_refused_unit_among_many_costs_few_questions() -> None:
    asked = []

    async def refusal(units: Sequence[int]) -> str | None:
        asked.append(len(units))
        return "no" if 7_777 in units else None

    assert await find_refused(range(10_000), refusal, 100) == [(7_777, "no")]
    assert len(asked) <= 30
    assert sum(asked) <= 3 * 10_000


async def test_units_that_are_refused_only_together_blame_nobody() -> None:
    async def refusal(units: Sequence[int]) -> str | None:
        return "too many" if len(units) > 1 else None

    assert await find_refused(range(8), refusal, 100) == []
