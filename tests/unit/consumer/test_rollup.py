from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from consumer import rollup
from consumer.decode import Row
from schema.event import TYPES

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
instants = st.integers(0, 10**11).map(lambda ms: _EPOCH + timedelta(milliseconds=ms))
rows = st.lists(
    st.tuples(instants, st.uuids(), st.integers(1, 5), st.none(), st.sampled_from(TYPES), instants),
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
            row[0].replace(minute=row[0].minute // 15 * 15, second=0, microsecond=0),
            row[4],
        )
        for row in sample
    )


def test_the_last_microsecond_of_a_quarter_belongs_to_it() -> None:
    edge = datetime(2026, 3, 10, 12, 15, tzinfo=UTC)
    row: Row = (edge - timedelta(microseconds=1), UUID(int=1), 1, None, "view", edge)

    assert rollup.by_quarter([row])[0] == [edge - timedelta(minutes=15)]
