"""Figures are compared with their goals, and the document shows the results."""

import pytest

from bench.document import BEGIN, DOCUMENT, END, table
from bench.result import Goal, Result, at_least, at_most


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        (at_least(0.5, 0.7), 75, "aim"),
        (at_least(0.5, 0.7), 50, "must"),
        (at_least(0.5, 0.7), 49, "missed"),
        (at_most(80, 70), 69, "aim"),
        (at_most(80, 70), 80, "must"),
        (at_most(80, 70), 81, "missed"),
        (at_most(1.5, 1.1, "ratio"), 120, "must"),
        (None, 1, ""),
    ],
)
def test_figure_is_compared_by_ratio_or_value(
    goal: Goal | None, value: float, verdict: str
) -> None:
    assert Result("n", "u", [1, value, 1000], [100, 100, 100], goal).verdict == verdict


def test_document_shows_the_last_results() -> None:
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    assert rest.partition(END)[0] == table(), "run `make plots`"
