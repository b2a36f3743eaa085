"""`engage db verify`: each rollup against its recomputation, and the ledger's two equations."""

from dataclasses import dataclass
from typing import Any, Final

import sql
from engage.database import connected

_PREFIX: Final = "verify_"


@dataclass(frozen=True)
class Check:
    """One check: how many rows differ from what they should be, and the first of them."""

    name: str
    differences: int
    example: str

    @property
    def is_right(self) -> bool:
        """Whether nothing differs."""
        return self.differences == 0

    def as_row(self) -> dict[str, Any]:
        """Return the check as a row of a table."""
        verdict = "ok" if self.is_right else "WRONG"
        return {
            "check": self.name,
            "verdict": verdict,
            "differences": self.differences,
            "example": self.example,
        }


async def verify(database_url: str) -> list[Check]:
    """Run every sql/verify_*.sql in one snapshot; each returns the rows that are wrong.

    Raises as engage.database.connected does.
    """
    names = [name for name in sql.names() if name.startswith(_PREFIX)]
    checks = []
    async with (
        connected(database_url) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        for name in names:
            wrong = await connection.fetch(sql.load(name).text)
            example = ", ".join(f"{k} {v}" for k, v in wrong[0].items()) if wrong else ""
            title = name.removeprefix(_PREFIX).replace("_", " ")
            checks.append(Check(title, len(wrong), example))
    return checks
