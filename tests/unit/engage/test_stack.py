"""The files of a stack's folder."""

import os
import stat
from pathlib import Path

import pytest

from engage.embedded.processes import ProcessId, identify
from engage.stack.backends import KAFKA, LOGINS, Secrets, ensure_keys
from engage.stack.launch import end_leftovers, wipe_files
from engage.stack.layout import Layout, MemberState, StackFile, State
from schema.errors import SetupError, Unavailable
from web.auth import KeyRing

FILE = StackFile(
    ingest_url="http://127.0.0.1:1",
    api_url="http://127.0.0.1:2",
    kafka_bootstrap_servers="127.0.0.1:3",
    database_url="postgresql://u:p@127.0.0.1:4/d",
    catalogue_url="http://127.0.0.1:6",
    admin_key="eng_admin",
    ingest_key="eng_ingest",
    read_key="eng_read",
    processes={"kafka": [1]},
    metrics={"api": ["http://127.0.0.1:5/metrics"]},
)


def test_stack_file_is_private_and_comes_back_as_it_was(tmp_path: Path) -> None:
    path = Layout(tmp_path).stack_file
    FILE.write(path)

    assert StackFile.read(path) == FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_missing_stack_file_means_that_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="engage up"):
        StackFile.read(tmp_path / "stack.json")


def test_damaged_stack_file_is_an_error_of_the_setup(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(SetupError):
        StackFile.read(tmp_path / "stack.json")


def test_passwords_and_keys_are_made_once(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = Secrets.read(layout.secrets_file)
    ensure_keys(layout, first)
    first.write(layout.secrets_file)
    second = Secrets.read(layout.secrets_file)
    ensure_keys(layout, second)

    assert second == first
    assert set(first.passwords) == {*LOGINS, KAFKA}
    assert set(first.keys) == {"ingest", "read", "admin"}
    assert stat.S_IMODE(layout.secrets_file.stat().st_mode) == 0o600


def test_missing_key_is_created_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    known = Secrets.read(layout.secrets_file)
    ensure_keys(layout, known)
    lost = known.keys["read"]
    layout.keys_file.unlink()
    ensure_keys(layout, known)

    ring = KeyRing(layout.keys_file)
    assert ring.find(f"Bearer {known.keys['read']}".encode()) is not None
    assert known.keys["read"] != lost


def test_process_with_a_reused_pid_is_not_ended(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    me = identify(os.getpid())
    assert me is not None
    stranger = ProcessId(me.pid, "another start")
    State(stranger, [MemberState("api", 0, stranger)]).write(layout.state_file)
    end_leftovers(layout)

    assert me.is_running()
    assert not layout.state_file.exists()


def test_wipe_keeps_other_files(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.logs.mkdir()
    layout.lock_file.touch()
    (tmp_path / "thesis.txt").touch()
    wipe_files(layout)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
