import os
from pathlib import Path

import pytest

from engage.embedded import account
from engage.embedded.machine import StackError
from engage.embedded.postgres import PostgresServer, programs_folder


def test_postgres_is_never_run_as_root(tmp_path: Path) -> None:
    chosen = account.choose(tmp_path / "postgres" / "data", programs_folder(18))

    assert chosen.uid != 0
    assert chosen.is_caller == (os.geteuid() != 0)


def test_data_keeps_its_owner(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(data, 2, 2)

    assert account.choose(data, programs_folder(18)).uid == data.stat().st_uid


def test_url_quotes_names_and_passwords(tmp_path: Path) -> None:
    url = PostgresServer(tmp_path, port=5432).url(user="a b", password="p@/:", database="d")

    assert url == "postgresql://a%20b:p%40%2F%3A@127.0.0.1:5432/d"


@pytest.mark.parametrize(("mode", "passes"), [(0o711, True), (0o700, False)])
def test_folder_that_others_may_not_enter_is_detected(
    tmp_path: Path, mode: int, passes: bool
) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=mode)
    reachable = account._others_pass(tmp_path)

    assert account._others_pass(folder) == (passes and reachable)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_data_of_a_shared_account_gets_the_dedicated_one(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    (data / "base").mkdir(parents=True)
    inside, outside = data / "base" / "1", tmp_path / "outside"
    inside.write_text("a table")
    outside.write_text("a file of root")
    (data / "hard").hardlink_to(outside)
    (data / "soft").symlink_to(outside)
    for path in (data, data / "base", inside):
        os.chown(path, 65534, 65534)

    chosen = account.choose(data, programs_folder(18))

    assert chosen.uid not in (0, 65534)
    assert {path.stat().st_uid for path in (data, data / "base", inside)} == {chosen.uid}
    assert outside.stat().st_uid == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")
def test_missing_account_is_named_when_it_cannot_be_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "NAME", "engage-nowhere")
    monkeypatch.setattr(account, "_CREATE", ("useradd-is-missing", "engage-nowhere"))

    with pytest.raises(StackError, match="create one with `useradd-is-missing engage-nowhere`"):
        account.choose(tmp_path / "postgres" / "data", programs_folder(18))
