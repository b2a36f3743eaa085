"""Errors of the archive's store while files are rewritten."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from engage.archive_files import _scrub
from refresher.archive import Archive
from schema.errors import Unavailable
from tests.event_tables import table

DAY = date(2026, 9, 1)
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


class Connection:
    async def execute(self, *_: Any) -> None:
        pass


async def test_scrub_names_the_file_when_the_store_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(str(tmp_path))
    with archive.writing(DAY, 1) as writer:
        writer.add(table([(UUID(int=1), 2, 7, "like", NOON, NOON)]))
    part = {
        "day": DAY, "part": 1, "rows": 1, "sha256": writer.content.sha256,
        "replacement_sha256": None,
    }  # fmt: skip

    @contextmanager
    def full(*_: Any) -> Iterator[None]:
        raise OSError("no space left")
        yield

    monkeypatch.setattr(archive, "writing", full)

    with pytest.raises(Unavailable, match="2026-09-01, part 1 cannot be written: no space left"):
        await _scrub(Connection(), archive, part, [7], is_dry_run=False)  # type: ignore[arg-type]
