from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consumer.rows import CountColumns, Row, count_by_post, count_by_quarter, instant, microseconds
from schema.event import TYPES

_times = st.integers(-(10**14), 10**15)
_rows = st.lists(
    st.tuples(
        _times, st.binary(min_size=16, max_size=16), st.integers(1, 5), st.none(),
        st.sampled_from(TYPES), _times,
    ),
    min_size=1,
    max_size=50,
)  # fmt: skip


def counter(columns: CountColumns) -> Counter[tuple[object, str]]:
    keys, *counts = columns
    found: Counter[tuple[object, str]] = Counter()
    for kind, column in zip(TYPES, counts, strict=True):
        found.update({(key, kind): n for key, n in zip(keys, column, strict=True) if n})
    return found


@given(_rows)
def test_by_post_counts_each_row_once_in_key_order(rows: list[Row]) -> None:
    columns = count_by_post(rows)

    assert columns[0] == sorted(set(columns[0]))
    assert counter(columns) == Counter((row[2], row[4]) for row in rows)


@given(_rows)
def test_by_quarter_counts_each_row_in_its_quarter_of_an_hour(rows: list[Row]) -> None:
    quarters = [
        time.replace(minute=time.minute // 15 * 15, second=0, microsecond=0)
        for time in (instant(row[0]) for row in rows)
    ]

    assert counter(count_by_quarter(rows)) == Counter(
        (quarter, row[4]) for quarter, row in zip(quarters, rows, strict=True)
    )


def test_last_microsecond_of_a_quarter_belongs_to_it() -> None:
    edge = datetime(2026, 3, 10, 12, 15, tzinfo=UTC)
    time = microseconds(edge)
    row: Row = (time - 1, bytes(16), 1, None, "view", time)

    assert count_by_quarter([row])[0] == [edge - timedelta(minutes=15)]


def test_retracted_rows_are_subtracted() -> None:
    view: Row = (0, bytes(16), 1, None, "view", 0)
    like: Row = (0, bytes(16), 2, None, "like", 0)

    assert count_by_post([view], [view, like]) == ([1, 2], [0, 0], [0, -1], [0, 0], [0, 0])
