"""The reference page of tables matches a migrated database."""

from typing import Any

from docs.generate import FOLDER
from docs.tables import tables


async def test_reference_names_every_table_column_and_right(connection: Any) -> None:
    page = (FOLDER / "tables.md").read_text(encoding="utf-8")

    assert await tables(connection) == page, "run `make docs`"
