"""The command line without a stack: help, errors, output."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engage.cli import app
from engage.commands.ledger import accounts, changes, described, verdict
from engage.commands.report.question import filters
from engage.commands.report.scoped import with_bars
from engage.stack.layout import Layout
from engage.stack.teardown import end_stack
from engage.target import find
from engage.terminal.options import Output, exit_code
from engage.terminal.output import print_rows, shown
from engage.terminal.report_tables import COLUMNS, for_people
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


@pytest.mark.parametrize(
    "command",
    [
        ["up"], ["down"], ["status"], ["doctor"], ["demo"], ["seed"], ["load"], ["load", "verify"],
        ["ledger"], ["report"], ["monitor"], ["db"], ["dead-letters"], ["consumer"], ["users"],
        ["keys"], ["config"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_each_command_teaches(command: list[str]) -> None:
    answer = runner.invoke(app, [*command, "--help"])

    assert answer.exit_code == 0
    assert "Usage: " in answer.output


@pytest.mark.parametrize(
    "command", [["status"], ["ledger"], ["seed"], ["db", "verify"]], ids=" ".join
)
def test_without_a_stack_commands_say_how_to_start_one(command: list[str], tmp_path: Path) -> None:
    answer = runner.invoke(app, [*command, "--dir", str(tmp_path)])

    assert answer.exit_code == 3
    assert "engage up" in answer.stderr
    assert answer.stdout == ""


def test_ending_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    assert not end_stack(Layout(tmp_path))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(SetupError("s"), 2, id="usage"),
        pytest.param(Unavailable("u"), 3, id="unreachable"),
        pytest.param(InvalidEvent("c", "d"), 1, id="anything else"),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_the_stack_of_the_folder_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGAGE_API_URL", "http://elsewhere")

    assert find(tmp_path).api_url == "http://elsewhere"
    FILE.write(Layout(tmp_path).stack_file)
    assert find(tmp_path).api_url == FILE.api_url


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_DATABASE_URL", "postgresql://me:hunter2@localhost/x")
    monkeypatch.setenv("ENGAGE_READ_KEY", "eng_read_hunter2")
    answer = runner.invoke(app, ["config", "show", "-o", "json"])
    rows = {row["variable"]: row for row in json.loads(answer.stdout)}

    assert "hunter2" not in answer.output
    assert rows["ENGAGE_DATABASE_URL"]["source"] == "environment"
    assert rows["ENGAGE_TOPIC"]["source"] == "default"


def test_wrong_settings_are_shown_masked_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_ledger_that_balances_says_so() -> None:
    assert verdict({"balanced": True}) == "balanced"


def test_a_ledger_that_does_not_names_the_partition() -> None:
    found = {"balanced": False, "partitions": [ROW | {"stored": 6}], "totals": {"stored": 6}}

    assert "partition 0: 10 read, 9 accounted" in verdict(found)


def test_offsets_that_are_read_again_count_as_read_and_show_no_negative_offset() -> None:
    again = {"first_offset": -10, "next_offset": 10, "duplicates": 11}
    [account] = accounts({"partitions": [ROW | again | {"log_end_offset": 10, "in_flight": 0}]})

    assert account["read"] == 20
    assert all(number >= 0 for number in account.values())


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (True, "yes"), (1234567, "1,234,567"), (0.5, "0.50"), ("x", "x")],
)
def test_values_are_shown_for_people(value: object, text: str) -> None:
    assert shown(value) == text


def test_csv_is_what_programs_read(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"a": 1000, "b": "x,y"}], Output.CSV)

    assert capsys.readouterr().out == 'a,b\n1000,"x,y"\n'


def test_alarms_are_told_when_they_are_raised_and_when_they_end() -> None:
    halted = {"alarm": "halted", "subject": "partition 2", "detail": "records_lost"}
    old = {"alarm": "view_too_old", "subject": "", "detail": "by far"}

    raised = changes({"a": described(old)}, {"b": described(halted)})

    assert [line.split() for line in raised] == [
        ["RAISED", "halted", "(partition", "2):", "records_lost"],
        ["ended", "view_too_old:", "by", "far"],
    ]
    assert changes({"b": described(halted)}, {"b": described(halted)}) == []


def test_filters_are_read_as_pairs_and_others_refused() -> None:
    assert filters(["category=Tech", "tag=a=b"]) == {"category": "Tech", "tag": "a=b"}
    for wrong in ("colour=red", "category"):
        with pytest.raises(SetupError, match="expected NAME=VALUE"):
            filters([wrong])


def test_a_series_is_shown_with_bars_to_compare() -> None:
    point = {"start": "2026-01-01T00:00:00Z", "previous_engagements": None}
    rows = with_bars([point | {"total_engagements": n} for n in (None, 0, 5, 10)])

    assert [len(row[""]) for row in rows] == [0, 0, 20, 40]
    assert with_bars([]) == []


def test_a_table_tells_external_ids_whole_where_there_are_any() -> None:
    post = dict.fromkeys(COLUMNS["posts"], 1) | {"title": "word " * 20, "external_id": None}
    slug = "2026/11/" + "x" * 60

    assert "external_id" not in for_people("posts", [post])[0]
    [first, second] = for_people("posts", [post, post | {"external_id": slug}])
    assert (first["external_id"], second["external_id"]) == (None, slug)
    assert len(second["title"]) <= 40
