"""Rows of events as Arrow tables."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from sql.event_columns import SCHEMA


def table(rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows, in the order of ``SCHEMA``, as a table."""
    ids, *others = zip(*rows, strict=True)
    storage = pa.array([event_id.bytes for event_id in ids], pa.binary(16))
    columns = [pa.ExtensionArray.from_storage(pa.uuid(), storage)]
    for field, values in zip(list(SCHEMA)[1:], others, strict=True):
        columns.append(pa.array(values, field.type))
    return pa.Table.from_arrays(columns, schema=SCHEMA)
