"""A stack's folder in which another user may have placed links and pipes."""

import os
from pathlib import Path

import pytest

from engage.embedded import programs
from engage.embedded.account import Account
from engage.embedded.machine import StackError
from engage.embedded.processes import ClusterProcesses
from engage.stack.launch import open_log, wipe_files
from engage.stack.layout import Layout
from loadgen.journal import Journal
from tests.links import IS_ROOT, KINDS, OTHER_UID, ProtectedFile


def test_root_starts_and_ends_no_stack_in_a_folder_of_another_user(foreign_folder: Path) -> None:
    layout = Layout(foreign_folder)
    if IS_ROOT:
        for use in (layout.prepare_folder, layout.require_own_folder):
            with pytest.raises(StackError, match="belongs to the user"):
                use()
    else:
        layout.prepare_folder()


def test_root_starts_no_stack_in_a_folder_that_every_user_may_write_into(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    folder.chmod(0o1777)
    if IS_ROOT:
        with pytest.raises(StackError, match="chmod o-w"):
            Layout(folder).prepare_folder()
    else:
        Layout(folder).prepare_folder()


def test_new_folder_is_not_writable_by_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Layout(tmp_path / "stack").prepare_folder()
    finally:
        os.umask(before)

    assert (tmp_path / "stack").stat().st_mode & 0o022 == 0
    for private in ("logs", "history"):
        assert (tmp_path / "stack" / private).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", KINDS)
def test_logs_and_journals_are_not_appended_to_links_and_pipes(
    foreign_folder: Path, protected_file: ProtectedFile, kind: str
) -> None:
    target = foreign_folder / "process.log"
    protected_file.link(kind, target)

    with pytest.raises(OSError, match="a link, a pipe or a device"):
        open_log(target, is_verbose=False)
    with pytest.raises(OSError, match="a link, a pipe or a device"):
        Journal(target)
    with pytest.raises(StackError):
        programs.spawn(["/bin/true"], log_path=target, folder=foreign_folder, environment={})
    protected_file.assert_untouched()


def test_wipe_deletes_links_but_not_their_targets(
    tmp_path: Path, protected_file: ProtectedFile
) -> None:
    layout = Layout(tmp_path / "stack")
    layout.prepare_folder()
    (layout.folder / "kafka").symlink_to(protected_file.path.parent)
    layout.postgres.mkdir()
    (layout.postgres / "data").symlink_to(protected_file.path.parent)
    layout.keys_file.symlink_to(protected_file.path)
    wipe_files(layout)

    assert not layout.folder.exists()
    protected_file.assert_untouched()


def test_account_owns_a_folder_but_not_the_target_of_a_link(
    tmp_path: Path, protected_file: ProtectedFile
) -> None:
    link = tmp_path / "link"
    link.symlink_to(protected_file.path.parent)
    account = Account(OTHER_UID, os.getegid())

    with pytest.raises(OSError):  # noqa: PT011  (the system's own words)
        account.own_folder(link)
    assert protected_file.path.parent.stat().st_uid == os.geteuid()
    (tmp_path / "data").mkdir()
    account.own_folder(tmp_path / "data")
    assert (tmp_path / "data").stat().st_uid == OTHER_UID


def test_misleading_pid_file_is_removed_from_the_data_folder_only(
    tmp_path: Path, protected_file: ProtectedFile
) -> None:
    (protected_file.path.parent / "postmaster.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "data").symlink_to(protected_file.path.parent)

    with pytest.raises(OSError):  # noqa: PT011
        ClusterProcesses(tmp_path / "postgres").end_all()
    assert (protected_file.path.parent / "postmaster.pid").exists()
