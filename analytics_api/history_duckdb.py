"""DuckDB as history engine, in this process. Needs the extra ``history``."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import sql
from analytics_api.history import EngineError, Input

if TYPE_CHECKING:
    import duckdb

_SETUP: Final = """
CREATE TYPE engagement_type AS VARCHAR;
CREATE VIEW engagements AS
    SELECT * FROM read_parquet({files}, hive_partitioning = false)
     UNION ALL SELECT * FROM open_events;
CREATE VIEW posts AS SELECT * FROM matching_posts_table;
CREATE MACRO matching_posts(category, author, tag, promoted) AS TABLE
    SELECT * FROM matching_posts_table;
"""


class DuckDB:
    """Runs each query in a new database in memory, without network and extensions.

    Args:
        folder: of the files; nothing else can be read.
        memory_bytes: that a query may use.
    """

    def __init__(self, folder: str, memory_bytes: int) -> None:
        self._config: dict[str, Any] = {
            "TimeZone": "UTC",
            "allowed_directories": [folder],
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": f"{memory_bytes}B",
            "temp_directory": "",
            "threads": max(1, (os.cpu_count() or 1) // 2),
        }
        self._running: duckdb.DuckDBPyConnection | None = None

    def run(self, query: sql.Query, values: Sequence[Any], source: Input) -> list[Any]:
        """Return the rows as mappings; blocks. Raises EngineError."""
        import duckdb  # noqa: PLC0415  (small platforms never need it)

        connection = self._running = duckdb.connect()
        try:
            for name, value in self._config.items():
                connection.execute(f"SET {name} = {_literal(value)}")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            connection.register("open_events", source.events)
            for name, table in source.tables.items():
                connection.register(
                    "matching_posts_table" if name == "matching_posts" else name, table
                )
            connection.execute(_SETUP.format(files=_literal(source.files)))
            connection.execute(query.text, list(values))
            names = [each[0] for each in connection.description or ()]
            return [dict(zip(names, row, strict=True)) for row in connection.fetchall()]
        except duckdb.Error as error:
            raise EngineError(str(error)) from error
        finally:
            self._running = None
            connection.close()

    def cancel(self) -> None:
        """End the running query."""
        if self._running is not None:
            self._running.interrupt()


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_literal, value))}]"
    return str(value)
