"""What `engage env` tells a shell."""

from pathlib import Path
from urllib.parse import quote

import msgspec

from engage.stack.layout import Layout
from engage.stack.shell import variables
from tests.unit.engage.test_stack import FILE


def test_the_database_of_the_stack_is_told_with_its_password_in_a_file(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "a stack's folder")
    layout.folder.mkdir()
    processes = {"kafka": [1], "postgres": [2]}
    msgspec.structs.replace(FILE, processes=processes).write(layout.stack_file)
    url = variables(layout)["ENGAGE_DATABASE_URL"]

    assert url == f"postgresql://u@127.0.0.1:4/d?passfile={quote(str(layout.password_file))}"
    assert layout.password_file.read_text() == "127.0.0.1:4:*:u:p\n"


def test_a_database_of_the_operators_is_left_to_the_environment(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    msgspec.structs.replace(FILE, processes={"postgres": []}).write(layout.stack_file)

    assert "ENGAGE_DATABASE_URL" not in variables(layout)
    assert not layout.password_file.exists()
