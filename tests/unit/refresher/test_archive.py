"""An archive in a folder of another user, who may have placed links in it."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from refresher.archive import Archive
from tests.event_tables import table
from tests.links import KINDS, OTHER_UID, ProtectedFile

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = table([(UUID(int=7), 1, 2, "view", NOON, NOON)])


@pytest.mark.parametrize("kind", KINDS)
def test_file_replaces_a_link_without_following_it(
    foreign_folder: Path, protected_file: ProtectedFile, kind: str
) -> None:
    folder = foreign_folder / f"day={DAY}"
    folder.mkdir()
    os.chown(folder, OTHER_UID, -1)
    for name in ("_part-1.parquet", "part-1.parquet"):
        protected_file.link(kind, folder / name)
    archive = Archive(str(foreign_folder))
    with archive.writing(DAY, 1) as writer:
        writer.add(ROWS)

    protected_file.assert_untouched()
    assert archive.content(DAY, 1) == writer.content
    [file] = folder.iterdir()
    assert not file.is_symlink()
    assert file.stat().st_uid == OTHER_UID


def test_folder_of_a_day_that_is_a_link_is_an_error(
    foreign_folder: Path, protected_file: ProtectedFile
) -> None:
    (foreign_folder / f"day={DAY}").symlink_to(protected_file.path.parent)
    archive = Archive(str(foreign_folder))

    with pytest.raises(OSError), archive.writing(DAY, 1):  # noqa: PT011  (the message is the system's)
        pass
    assert list(protected_file.path.parent.iterdir()) == [protected_file.path]


def test_pipe_in_place_of_a_file_is_an_error(foreign_folder: Path) -> None:
    (foreign_folder / f"day={DAY}").mkdir()
    os.mkfifo(foreign_folder / f"day={DAY}" / "part-1.parquet")

    with pytest.raises(OSError, match="not a plain file"):
        Archive(str(foreign_folder)).content(DAY, 1)
