"""The command line without a stack: help, errors, output."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from engage.cli import COMMANDS, app
from engage.client import RequestRejected
from engage.commands.ledger import accounts, changes, described, verdict
from engage.stack.launch import end_stack
from engage.stack.layout import Layout
from engage.target import find
from engage.terminal import exit_code
from schema.errors import InvalidEvent, SetupError, Unavailable
from tests.unit.engage.test_stack import FILE

HEAVY = ("aiokafka", "asyncpg", "fastapi", "pydantic", "uvicorn", "faker", "aiohttp")
ROW = {
    "partition": 0, "first_offset": 0, "next_offset": 10, "in_flight": 0,
    "stored": 7, "duplicates": 1, "dead_lettered": 1, "skipped": 1,
}  # fmt: skip

runner = CliRunner()


def test_help_loads_no_heavy_library() -> None:
    code = f"import sys, engage.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert answer.stdout == "[]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command: str) -> None:
    answer = runner.invoke(app, [command, "--help"])

    assert answer.exit_code == 0
    assert f"Usage: engage {command}" in answer.output


def test_unknown_command_is_named_with_similar_ones() -> None:
    answer = runner.invoke(app, ["ledgr"])

    assert answer.exit_code == 2
    assert "'ledger'" in answer.stderr


@pytest.mark.parametrize(
    "command", [["status"], ["ledger"], ["seed"], ["db", "verify"]], ids=" ".join
)
def test_commands_without_a_stack_explain_how_to_start_one(
    command: list[str], tmp_path: Path
) -> None:
    answer = runner.invoke(app, [*command, "--dir", str(tmp_path)])

    assert answer.exit_code == 3
    assert "engage up" in answer.stderr
    assert answer.stdout == ""


def test_ending_an_ended_process_does_nothing(tmp_path: Path) -> None:
    assert not end_stack(Layout(tmp_path))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(SetupError("s"), 2, id="usage"),
        pytest.param(Unavailable("u"), 3, id="unreachable"),
        pytest.param(InvalidEvent("c", "d"), 1, id="anything else"),
        pytest.param(RequestRejected("interval: expected day", 422), 2, id="invalid request"),
        pytest.param(RequestRejected("no such post", 404), 1, id="rejected request"),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_environment_names_the_system_when_the_folder_has_no_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGAGE_API_URL", "http://elsewhere")

    assert find(tmp_path).api_url == "http://elsewhere"


@pytest.mark.parametrize(
    ("variable", "url", "named"),
    [
        ("ENGAGE_API_URL", "http://elsewhere", "elsewhere"),
        ("ENGAGE_INGEST_URL", "http://127.0.0.1:9", "127.0.0.1:9"),
        ("ENGAGE_DATABASE_URL", "postgresql://u:hunter2@db/d", "db/d"),
    ],
)
def test_command_refuses_when_environment_and_running_stack_differ(
    variable: str, url: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FILE.write(Layout(tmp_path).stack_file)
    monkeypatch.setenv("ENGAGE_DIR", str(tmp_path))
    monkeypatch.setenv(variable, url)
    answer = runner.invoke(app, ["users", "erase", "--user-id", "1", "--yes"])

    assert answer.exit_code == 2
    assert f"{variable} names {named}, but the stack in {tmp_path}" in answer.stderr
    assert "hunter2" not in answer.output


def test_stack_is_used_when_the_environment_names_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FILE.write(Layout(tmp_path).stack_file)
    monkeypatch.setenv("ENGAGE_API_URL", f"{FILE.api_url}/")
    monkeypatch.setenv("ENGAGE_DATABASE_URL", "postgresql://other@127.0.0.1:4/d?passfile=x")

    assert find(tmp_path).read_key == FILE.read_key


def test_dir_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FILE.write(Layout(tmp_path).stack_file)
    monkeypatch.setenv("ENGAGE_API_URL", "http://elsewhere")
    answer = runner.invoke(app, ["report", "posts", "--dir", str(tmp_path)])

    assert answer.exit_code == 3
    assert FILE.api_url in answer.stderr


def leaves(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", {})
    for name, child in below.items():
        yield from leaves(child, *path, name)
    if not below or getattr(command, "invoke_without_command", False):
        yield path, command


LEAVES = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_of_each_command_has_an_example_that_can_be_run(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("posts.csv", "events.ndjson"):
        Path(name).touch()
    command = LEAVES[path]
    start = f"Example: engage {' '.join(path)}"
    assert command.epilog.startswith(start)

    arguments = shlex.split(command.epilog.removeprefix(start))
    command.make_context(path[-1], arguments)


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_DATABASE_URL", "postgresql://me:hunter2@localhost/x")
    monkeypatch.setenv("ENGAGE_READ_KEY", "eng_read_hunter2")
    answer = runner.invoke(app, ["config", "show", "-o", "json"])
    rows = {row["variable"]: row for row in json.loads(answer.stdout)}

    assert "hunter2" not in answer.output
    assert rows["ENGAGE_DATABASE_URL"]["source"] == "environment"
    assert rows["ENGAGE_TOPIC"]["source"] == "default"


def test_invalid_settings_are_shown_masked_with_their_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENGAGE_DATABASE_URL", "postgresql://me:hunter2@db/x")
    monkeypatch.setenv("ENGAGE_KAFKA_SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("ENGAGE_BATCH_MAX_ROWS", "many")
    answer = runner.invoke(app, ["config", "show", "-o", "json"])
    rows = {row["variable"]: row for row in json.loads(answer.stdout)}

    assert answer.exit_code == 2
    assert "hunter2" not in answer.output
    assert rows["ENGAGE_DATABASE_URL"]["value"] == rows["ENGAGE_KAFKA_SASL_PASSWORD"]["value"]
    assert rows["ENGAGE_BATCH_MAX_ROWS"]["value"] == "many"
    assert "sslmode=verify-full" in answer.stderr
    assert "ENGAGE_BATCH_MAX_ROWS" in answer.stderr


def test_ledger_that_does_not_balance_names_the_partition() -> None:
    assert verdict({"balanced": True}) == "balanced"
    found = {"balanced": False, "partitions": [ROW | {"stored": 6}], "totals": {"stored": 6}}
    assert "partition 0: 10 read, 9 accounted" in verdict(found)


def test_offsets_that_are_read_again_count_as_read_and_show_no_negative_offset() -> None:
    again = {"first_offset": -10, "next_offset": 10, "duplicates": 11}
    [account] = accounts({"partitions": [ROW | again | {"log_end_offset": 10, "in_flight": 0}]})

    assert account["read"] == 20
    assert all(number >= 0 for number in account.values())


def test_ledger_watch_prints_alerts_that_change() -> None:
    halted = {"name": "partition_halted", "subject": "partition 2", "detail": "records_lost"}
    old = {"name": "stats_view_stale", "subject": "", "detail": "by far"}

    raised = changes({"a": described(old)}, {"b": described(halted)})

    assert [line.split() for line in raised] == [
        ["ACTIVE", "partition_halted", "(partition", "2):", "records_lost"],
        ["resolved", "stats_view_stale:", "by", "far"],
    ]
    assert changes({"b": described(halted)}, {"b": described(halted)}) == []
