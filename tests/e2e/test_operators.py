"""What the command line shows, and lets a person decide, about a running stack."""

import csv
import io
import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from engage.database import fetch_value
from engage.stack.bootstrap import MIGRATOR
from tests.e2e.stacks import Stack, eventually, request
from tests.psql import psql

PARTITION = 3
TOO_MANY_IN_A_ROW = 100


async def test_a_halted_partition_goes_on_when_told_to(stack: Stack) -> None:
    await _produce(stack, [b"no event"] * TOO_MANY_IN_A_ROW)
    eventually(lambda: stack.engage("status").returncode == 1, "the partition is halted")
    resumed = stack.engage("consumer", "resume")

    assert f"partition {PARTITION} goes on" in resumed.stdout
    eventually(lambda: stack.engage("status").returncode == 0, "the partition goes on")
    assert stack.engage("consumer", "resume").stdout == "no partition is halted\n"
    letters = json.loads(stack.engage("dead-letters", "list", "--each", "-o", "json").stdout)
    assert letters[0]["reason"] == "malformed_json"
    shown = stack.engage("dead-letters", "show", str(letters[0]["dead_letter_id"]))
    assert "no event" in shown.stdout
    replayed = stack.engage("dead-letters", "replay", "987654321")
    assert (replayed.returncode, "would be: 1 gone" in replayed.stdout) == (0, True)


@pytest.mark.parametrize("edge", ["earliest", "latest"])
async def test_a_halted_partition_that_is_moved_keeps_a_balanced_account(
    stack: Stack, edge: str
) -> None:
    await _produce(stack, [b"no event"] * (TOO_MANY_IN_A_ROW + 5))
    eventually(lambda: stack.engage("status").returncode == 1, "the partition is halted")
    skipped = _skipped(stack)
    moved = stack.engage("consumer", "resume", "--partition", str(PARTITION), "--from", edge)

    assert ("read again" if edge == "earliest" else "passed over") in moved.stdout, moved.stderr
    # What is read again is as bad as it was, and halts the partition again and again.
    eventually(lambda: _goes_on_to_the_end(stack), "all is read")
    passed_over = re.search(r"([\d,]+) offsets are passed over", moved.stdout)
    assert _skipped(stack) == skipped + (int(passed_over[1]) if passed_over else 0)
    assert stack.engage("ledger").stdout.endswith("balanced\n")
    assert stack.engage("db", "verify").returncode == 0


def test_a_partition_that_is_not_halted_is_left_alone(stack: Stack) -> None:
    refused = stack.engage("consumer", "resume", "--partition", "0", "--from", "latest")

    assert (refused.returncode, "is not halted" in refused.stderr) == (2, True)


def test_a_key_lets_in_until_it_is_revoked(stack: Stack) -> None:
    key = stack.engage("keys", "create", "--scope", "read", "--label", "a colleague").stdout.strip()
    key_id = key.split("_")[2]
    url = stack.file["api_url"]

    eventually(lambda: request(url, "/categories/top", key)[0] == 200, "the key lets in")
    listed = stack.engage("keys", "list", "-o", "json").stdout
    assert key_id in listed
    assert key not in listed
    assert stack.engage("keys", "revoke", key_id).returncode == 0
    eventually(lambda: request(url, "/categories/top", key)[0] == 401, "the key is refused")


@pytest.fixture(scope="module")
def shell(stack: Stack) -> dict[str, str]:
    """The variables of a shell that asked where everything is."""
    script = f'eval "$({sys.executable} -m engage env --dir "{stack.folder}")"; env'
    answer = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)


def test_a_shell_learns_where_everything_is(stack: Stack, shell: dict[str, str]) -> None:
    for name in (
        "ingest_url", "api_url", "catalogue_url", "ingest_key", "read_key", "admin_key",
        "kafka_bootstrap_servers", "topic",
    ):  # fmt: skip
        assert shell[f"ENGAGE_{name.upper()}"] == stack.file[name]


async def test_a_shells_database_url_is_psqls_and_shows_no_password(
    stack: Stack, shell: dict[str, str]
) -> None:
    url = shell["ENGAGE_DATABASE_URL"]
    password = json.loads((stack.folder / "secrets.json").read_text())["passwords"][MIGRATOR]

    assert password not in "".join(shell.values())
    assert stat.S_IMODE((stack.folder / "pgpass").stat().st_mode) == 0o600
    assert await psql(url, "SELECT current_user") == f"current_user\n{MIGRATOR}\n"
    assert await fetch_value(url, "view_age") is not None


@pytest.fixture(scope="module")
def engaged(stack: Stack) -> Stack:
    """The stack with an event that each report shows."""
    stack.post({"post_id": 1, "type": "view"})
    eventually(lambda: stack.get("/engagement/1")[1]["views"] > 0, "the event is stored")
    stack.engage("db", "refresh")
    shown = lambda: stack.get("/sample/posts")[1][0]["total_engagements"] > 0  # noqa: E731
    eventually(shown, "the view is refreshed")
    return stack


@pytest.mark.parametrize(
    ("report", "column"),
    [
        ("categories", "category"),
        ("posts", "post_id"),
        ("authors", "name"),
        ("top-authors", "author_name"),
        ("engagement_patterns", "day_name"),
        ("opportunity-authors", "author_name"),
    ],
)
def test_a_report_is_a_table_json_or_csv(engaged: Stack, report: str, column: str) -> None:
    table = engaged.engage("report", report).stdout
    rows = json.loads(engaged.engage("report", report, "-o", "json").stdout)
    lines = csv.DictReader(io.StringIO(engaged.engage("report", report, "-o", "csv").stdout))

    # Days are cut to their first three letters.
    assert str(rows[0][column])[:3] in table
    assert [line[column] for line in lines] == [str(row[column]) for row in rows]


def test_every_report_answers_on_the_command_line(engaged: Stack) -> None:
    for report in (
        "overview", "series", "ranking post", "fair-posts", "fair-authors", "fair-opportunity",
        "cohorts", "effects", "when-to-post", "posting-hours", "movers", "funnel", "audience",
    ):  # fmt: skip
        answer = engaged.engage("report", *report.split(), "-o", "json")
        assert answer.returncode == 0, answer.stderr
        json.loads(answer.stdout)
        assert engaged.engage("report", *report.split()).returncode == 0, report


def test_the_next_slots_and_an_authors_week_are_written_to_files(
    engaged: Stack, tmp_path: Path
) -> None:
    slots, week = tmp_path / "slots.ics", tmp_path / "week.html"

    assert engaged.engage("report", "when-to-post", "--ics", str(slots)).returncode == 0
    assert slots.read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")
    written = engaged.engage("report", "weekly", "1", "-o", "html", "--file", str(week))
    assert written.returncode == 0, written.stderr
    assert "At equal age" in week.read_text(encoding="utf-8")


def test_a_monitoring_system_learns_how_it_fares(engaged: Stack) -> None:
    eventually(
        lambda: engaged.engage("monitor", "--check", "pipeline").returncode == 0,
        "nothing is wrong with the pipeline",
    )
    answer = engaged.engage("monitor", "--check", "pipeline", "--check", "movers")

    assert answer.stdout.partition(" | ")[2].startswith("pipeline=0 movers=")
    assert answer.returncode in {0, 1}


@pytest.mark.parametrize("report", ["post", "author"])
def test_one_post_or_author_is_reported_by_its_id(stack: Stack, report: str) -> None:
    answer = stack.engage("report", report, "1", "-o", "json")

    assert json.loads(answer.stdout)[f"{report}_id"] == 1


def test_a_post_that_is_not_in_the_catalogue_is_listed_as_an_orphan(stack: Stack) -> None:
    stranger = 987_654_321
    stack.post({"post_id": stranger, "type": "like"})

    def orphans() -> str:
        return stack.engage("db", "orphans", "-o", "csv").stdout

    eventually(lambda: str(stranger) in orphans(), "the post is listed")


async def _produce(stack: Stack, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.file["kafka_bootstrap_servers"])
    await producer.start()
    try:
        for value in values:
            await producer.send(stack.file["topic"], value, partition=PARTITION)
    finally:
        await producer.stop()


def _goes_on_to_the_end(stack: Stack) -> bool:
    stack.engage("consumer", "resume")
    return _in_flight(stack) == 0 and stack.engage("status").returncode == 0


def _in_flight(stack: Stack) -> int:
    return _sum(stack, "in_flight")


def _skipped(stack: Stack) -> int:
    return _sum(stack, "skipped")


def _sum(stack: Stack, part: str) -> int:
    _, ledger = stack.get("/ops/ledger")
    return sum(partition[part] for partition in ledger["partitions"])
