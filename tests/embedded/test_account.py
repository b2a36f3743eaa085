import os
from pathlib import Path

import pytest

from engage.embedded import account
from engage.embedded.postgres import PostgresServer
from engage.embedded.postgres_programs import programs_folder


def test_postgres_is_never_run_as_root(tmp_path: Path) -> None:
    chosen = account.choose(tmp_path / "postgres" / "data", programs_folder(18))

    assert chosen.uid != 0
    assert chosen.is_caller == (os.geteuid() != 0)


def test_data_keep_their_owner(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(data, 2, 2)

    assert account.choose(data, programs_folder(18)).uid == data.stat().st_uid


def test_names_and_passwords_are_quoted(tmp_path: Path) -> None:
    url = PostgresServer(tmp_path, port=5432).url(user="a b", password="p@/:", database="d")

    assert url == "postgresql://a%20b:p%40%2F%3A@127.0.0.1:5432/d"


@pytest.mark.parametrize(("mode", "passes"), [(0o711, True), (0o700, False)])
def test_a_folder_that_others_may_not_pass_is_noticed(
    tmp_path: Path, mode: int, passes: bool
) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=mode)
    reachable = account._others_pass(tmp_path)

    assert account._others_pass(folder) == (passes and reachable)
