import os
import stat
from pathlib import Path

import pytest

from runtime.files import (
    Owner,
    new_file,
    open_append,
    open_regular,
    read_linked,
    read_regular,
    replace_file,
)
from tests.links import IS_ROOT, KINDS, OTHER_UID, ProtectedFile

NO_WRITING = r"it is a link, a pipe or a device"


def write_new(path: Path) -> None:
    with new_file(path) as file:
        file.write("fresh")


WRITERS = {
    "replace": lambda path: replace_file(path, b"fresh"),
    "new": write_new,
    "append": lambda path: open_append(path).write(b"fresh"),
    "open": lambda path: open_regular(path, os.O_RDWR | os.O_CREAT),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", KINDS)
def test_writing_to_a_link_or_pipe_changes_nothing_else(
    foreign_folder: Path, protected_file: ProtectedFile, kind: str, writer: str
) -> None:
    target = foreign_folder / "file"
    protected_file.link(kind, target)
    if kind == "hard link" and writer in {"replace", "new"}:
        WRITERS[writer](target)  # the name is that of a new file
        assert target.read_bytes() == b"fresh"
    else:
        with pytest.raises(OSError, match=NO_WRITING):
            WRITERS[writer](target)
    protected_file.assert_untouched()


@pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "pipe"])
def test_reading_rejects_links_and_pipes(
    foreign_folder: Path, protected_file: ProtectedFile, kind: str
) -> None:
    protected_file.link(kind, foreign_folder / "file")

    with pytest.raises(OSError, match=NO_WRITING):
        read_regular(foreign_folder / "file")
    if kind == "symlink":
        assert read_linked(foreign_folder / "file") == protected_file.path.read_bytes()
    else:
        with pytest.raises(OSError, match=r"a pipe|No such file"):
            read_linked(foreign_folder / "file")


def test_replaced_file_has_the_given_owner_and_mode(foreign_folder: Path) -> None:
    target = foreign_folder / "file"
    replace_file(target, b"one")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    owner = Owner(OTHER_UID, -1) if IS_ROOT else None
    replace_file(target, b"two", mode=0o640, owner=owner, is_durable=True)

    found = target.stat()
    assert (target.read_bytes(), found.st_uid) == (b"two", OTHER_UID)
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert list(foreign_folder.iterdir()) == [target]


def test_file_keeps_its_content_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "file"
    replace_file(target, b"before")

    def fail_half_way() -> None:
        with new_file(target) as file:
            file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_appending_creates_a_private_file_and_continues_it(tmp_path: Path) -> None:
    for _ in range(2):
        with open_append(tmp_path / "log") as log:
            log.write(b"line\n")

    assert (tmp_path / "log").read_bytes() == b"line\nline\n"
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_standard_output_can_be_written_by_name(capfd: pytest.CaptureFixture[str]) -> None:
    with new_file(Path("/dev/stdout")) as file:
        file.write("data")

    assert capfd.readouterr().out == "data"
