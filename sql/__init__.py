"""SQL files, one query each, and the loader that binds their parameters.

A file declares its parameters in its header, ``-- :name type  meaning``, and uses them as
``:name``, which plain psql understands as well (``psql -v name=value -f file``).

Queries of the read API are in this folder; others in a folder by reader or task. A query is loaded
by its file's name alone, so no two files may have the same name.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schema.errors import SetupError

_DECLARED = re.compile(r"^-- :([a-z_]\w*) ", re.MULTILINE)
_USED = re.compile(r"(?<![:\w]):'?([a-z_]\w*)'?")


@dataclass(frozen=True)
class Query:
    """A query: its text with ``$n``, and the names of the parameters in that order.

    It runs on a connection or a pool.
    """

    name: str
    text: str
    parameters: tuple[str, ...]

    def bind(self, **values: Any) -> tuple[Any, ...]:
        """Return *values* in the order of ``$n``. Raises KeyError for a missing one."""
        return tuple(values[name] for name in self.parameters)

    async def execute(self, connection: Any, **values: Any) -> None:
        """Run the query with these parameters, without a result."""
        await connection.execute(self.text, *self.bind(**values))

    async def fetch(self, connection: Any, **values: Any) -> list[Any]:
        """Return the rows of the query with these parameters."""
        return list(await connection.fetch(self.text, *self.bind(**values)))

    async def fetchrow(self, connection: Any, **values: Any) -> Any:
        """Return the first row of the query with these parameters, or None."""
        return await connection.fetchrow(self.text, *self.bind(**values))

    async def fetchval(self, connection: Any, **values: Any) -> Any:
        """Return the first value of the first row, or None."""
        return await connection.fetchval(self.text, *self.bind(**values))


def parse(name: str, source: str) -> Query:
    """Turn a file's text into a Query.

    Raises:
        SetupError: a parameter is used but not declared, or declared but not used.
    """
    parameters = tuple(_DECLARED.findall(source))
    body = "\n".join(line for line in source.splitlines() if not line.startswith("--"))
    used = set(_USED.findall(body))
    if used != set(parameters):
        raise SetupError(f"{name}.sql declares {sorted(parameters)} but uses {sorted(used)}")
    text = _USED.sub(lambda match: f"${parameters.index(match[1]) + 1}", body)
    return Query(name, text.strip().rstrip(";"), parameters)


@cache
def load(name: str) -> Query:
    """Return the query of <name>.sql."""
    return parse(name, source(name))


def source(name: str) -> str:
    """Return the text of <name>.sql as psql takes it."""
    return _files()[name].read_text(encoding="utf-8")


def names() -> list[str]:
    """Return the names of all queries, sorted."""
    return sorted(_files())


@cache
def _files() -> dict[str, Path]:
    return {path.stem: path for path in Path(__file__).parent.rglob("*.sql")}
