from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consumer import rollup
from consumer.rows import Row, instant, microseconds
from schema.event import TYPES

times = st.integers(-(10**14), 10**15)
ids = st.binary(min_size=16, max_size=16)
rows = st.lists(
    st.tuples(times, ids, st.integers(1, 5), st.none(), st.sampled_from(TYPES), times),
    min_size=1,
    max_size=50,
)


def counted(columns: rollup.Columns) -> Counter[tuple[object, str]]:
    keys, *counts = columns
    return Counter(
        {
            (key, kind): number
            for kind, column in zip(TYPES, counts, strict=True)
            for key, number in zip(keys, column, strict=True)
            if number
        }
    )


@given(rows)
def test_by_post_counts_each_row_once_in_key_order(sample: list[Row]) -> None:
    columns = rollup.by_post(sample)

    assert columns[0] == sorted(set(columns[0]))
    assert counted(columns) == Counter((row[2], row[4]) for row in sample)


@given(rows)
def test_by_quarter_counts_each_row_in_the_quarter_it_lies_in(sample: list[Row]) -> None:
    columns = rollup.by_quarter(sample)

    assert all(key.minute % 15 == key.second == key.microsecond == 0 for key in columns[0])
    assert counted(columns) == Counter(
        (
            engaged.replace(minute=engaged.minute // 15 * 15, second=0, microsecond=0),
            row[4],
        )
        for row in sample
        if (engaged := instant(row[0]))
    )


def test_the_last_microsecond_of_a_quarter_belongs_to_it() -> None:
    edge = datetime(2026, 3, 10, 12, 15, tzinfo=UTC)
    time = microseconds(edge)
    row: Row = (time - 1, bytes(16), 1, None, "view", time)

    assert rollup.by_quarter([row])[0] == [edge - timedelta(minutes=15)]
