"""Changes of the key file in a folder where the services' user may have put links and pipes."""

import fcntl
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schema.errors import SetupError
from tests.links import (
    IS_ROOT,
    KINDS,
    OTHER_UID,
    ProtectedFile,
    locked_by_another_user,
)
from web import key_file
from web.auth import KeyRing, Scope, create_key, read_keys
from web.key_file import add, revoke


@pytest.fixture
def path(foreign_folder: Path) -> Path:
    return foreign_folder / "keys.json"


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change waits for the lock of another one for 0.2 seconds only."""
    monkeypatch.setattr(key_file, "_LOCK_SECONDS", 0.2)


def add_key(path: Path) -> str:
    entry = create_key(Scope.INGEST).entry
    add(path, entry)
    return entry.key_id


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("kind", KINDS)
def test_key_file_that_is_a_link_or_pipe_is_rejected(
    path: Path, protected_file: ProtectedFile, kind: str
) -> None:
    protected_file.link(kind, path)

    for change in (lambda: add_key(path), lambda: revoke(path, "abc")):
        with pytest.raises(SetupError, match="a link, a pipe or a device"):
            change()
    protected_file.assert_untouched()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".new", ".lock", ".tmp", "~", ".part"])
def test_link_beside_the_key_file_is_not_followed(
    path: Path, protected_file: ProtectedFile, kind: str, suffix: str
) -> None:
    protected_file.link(kind, path.with_name(path.name + suffix))

    try:
        key_id = add_key(path)
    except SetupError:
        # The lock of a folder's own user is in the folder.
        assert suffix == ".lock"
        assert not IS_ROOT
    else:
        assert revoke(path, key_id)
        assert path.stat().st_uid == OTHER_UID
    protected_file.assert_untouched()


def test_file_keeps_its_owner_and_readers_when_it_is_changed(path: Path) -> None:
    add_key(path)
    assert (path.stat().st_uid, mode_of(path)) == (OTHER_UID, 0o600)
    os.chown(path, OTHER_UID, os.getegid())
    path.chmod(0o640)
    assert revoke(path, add_key(path))

    found = path.stat()
    assert (found.st_uid, found.st_gid, mode_of(path)) == (OTHER_UID, os.getegid(), 0o640)
    assert {entry.name for entry in path.parent.iterdir()} <= {"keys.json", "keys.json.lock"}


def test_group_of_a_setgid_folder_may_read_a_new_file(tmp_path: Path) -> None:
    group = 65533 if IS_ROOT else os.getegid()
    os.chown(tmp_path, -1, group)
    tmp_path.chmod(0o2750)
    add_key(tmp_path / "keys.json")

    found = (tmp_path / "keys.json").stat()
    assert (found.st_uid, found.st_gid) == (os.geteuid(), group)
    assert mode_of(tmp_path / "keys.json") == 0o640


@pytest.mark.parametrize(("mode", "fix"), [(0o757, "o-w"), (0o1777, "o-w"), (0o770, "g-w")])
def test_folder_that_others_may_write_into_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, fix: str
) -> None:
    monkeypatch.setattr(key_file, "_private_groups", lambda _uid: set())
    tmp_path.chmod(mode)

    with pytest.raises(SetupError, match=f"chmod {fix}"):
        add_key(tmp_path / "keys.json")
    assert list(tmp_path.iterdir()) == []


def test_folder_of_the_callers_group_is_accepted(tmp_path: Path) -> None:
    os.chown(tmp_path, -1, os.getegid())
    tmp_path.chmod(0o770)

    add_key(tmp_path / "keys.json")
    assert len(read_keys(tmp_path / "keys.json")) == 1


def test_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nowhere"):
        add_key(tmp_path / "nowhere" / "keys.json")
    with pytest.raises(SetupError, match="not found"):
        revoke(tmp_path / "keys.json", "abc")


def test_locks_of_the_services_user_do_not_delay_a_revocation(path: Path, short_wait: None) -> None:
    key_id = add_key(path)
    with locked_by_another_user(path.parent):
        if IS_ROOT:
            assert revoke(path, key_id)
        else:  # the same user may hold its own lock, but not forever
            with pytest.raises(SetupError, match="has held its lock"):
                revoke(path, key_id)


def test_lock_in_a_folder_of_root_cannot_be_held_by_the_services_user(
    tmp_path: Path, short_wait: None
) -> None:
    tmp_path.chmod(0o755)
    key_id = add_key(tmp_path / "keys.json")
    assert mode_of(tmp_path / "keys.json.lock") == 0o600
    if IS_ROOT:
        with locked_by_another_user(tmp_path):
            assert revoke(tmp_path / "keys.json", key_id)


def test_error_names_the_holder_of_the_lock(tmp_path: Path, short_wait: None) -> None:
    add_key(tmp_path / "keys.json")
    with (tmp_path / "keys.json.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SetupError, match=rf"process {os.getpid()} has held its lock"):
            add_key(tmp_path / "keys.json")
    add_key(tmp_path / "keys.json")


def test_concurrent_changes_are_all_kept(path: Path) -> None:
    add_key(path)

    def add_and_revoke(_: int) -> str:
        key_id = add_key(path)
        assert revoke(path, key_id)
        return key_id

    with ThreadPoolExecutor(8) as workers:
        changed = set(workers.map(add_and_revoke, range(40)))

    assert {key.key_id for key in read_keys(path) if key.revoked_timestamp} == changed


def test_service_reads_the_file_through_a_link_but_not_from_a_pipe(path: Path) -> None:
    created = create_key(Scope.READ)
    add(path, created.entry)
    link, pipe = path.with_name("link.json"), path.with_name("pipe.json")
    link.symlink_to(path)
    os.mkfifo(pipe)

    assert KeyRing(link).find(f"Bearer {created.plaintext}".encode()) == created.entry
    with pytest.raises(SetupError, match="cannot be read"):
        KeyRing(pipe)
