"""An archive in a folder of another user, who may have placed links in it."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from refresher.archive import Archive, table
from tests.planted import KINDS, OTHER_UID, Victim, foreign, victim

__all__ = ["foreign", "victim"]
DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = table([(UUID(int=7), 1, 2, "view", NOON, NOON)])


@pytest.mark.parametrize("kind", KINDS)
def test_file_replaces_a_planted_link_without_following_it(
    foreign: Path, victim: Victim, kind: str
) -> None:
    folder = foreign / f"day={DAY}"
    folder.mkdir()
    os.chown(folder, OTHER_UID, -1)
    for name in ("part-1.parquet.unfinished", "part-1.parquet"):
        victim.plant(kind, folder / name)
    archive = Archive(str(foreign))
    with archive.writing(DAY, 1) as writer:
        writer.add(ROWS)

    victim.assert_untouched()
    assert archive.content(DAY, 1) == writer.content
    [file] = folder.iterdir()
    assert not file.is_symlink()
    assert file.stat().st_uid == OTHER_UID


def test_folder_of_a_day_that_is_a_link_is_an_error(foreign: Path, victim: Victim) -> None:
    (foreign / f"day={DAY}").symlink_to(victim.path.parent)
    archive = Archive(str(foreign))

    with pytest.raises(OSError), archive.writing(DAY, 1):  # noqa: PT011  (the message is the system's)
        pass
    assert list(victim.path.parent.iterdir()) == [victim.path]


def test_pipe_in_place_of_a_file_is_an_error(foreign: Path) -> None:
    (foreign / f"day={DAY}").mkdir()
    os.mkfifo(foreign / f"day={DAY}" / "part-1.parquet")

    with pytest.raises(OSError, match="not a plain file"):
        Archive(str(foreign)).content(DAY, 1)
