"""The reference's page of tables is what a migrated database has."""

import asyncpg

from docs.generate import FOLDER
from docs.tables import tables
from tests.conftest import Database

PAGE = FOLDER / "tables.md"


async def test_the_reference_names_every_table_column_and_right(database: Database) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        found = await tables(connection)
    finally:
        await connection.close()

    assert found == PAGE.read_text(encoding="utf-8"), "write it anew with `make docs`"
