"""The command line on a running stack."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from engage.cli import app
from engage.stack.backends import MIGRATOR
from engage.target import fetch_value
from tests.e2e.stacks import Stack, eventually, request
from tests.psql import psql

PARTITION = 3
TOO_MANY_IN_A_ROW = 100


async def test_halted_partition_resumes_by_command(stack: Stack) -> None:
    await produce(stack, [b"no event"] * TOO_MANY_IN_A_ROW)
    eventually(lambda: stack.engage("status").returncode == 1, "the partition is halted")
    resumed = stack.engage("consumer", "resume")

    assert f"partition {PARTITION} resumes" in resumed.stdout
    eventually(lambda: stack.engage("status").returncode == 0, "the partition continues")
    assert stack.engage("consumer", "resume").stdout == "no partition is halted\n"
    letters = json.loads(stack.engage("dead-letters", "list", "--each", "-o", "json").stdout)
    assert letters[0]["reason"] == "malformed_json"
    shown = stack.engage("dead-letters", "show", str(letters[0]["dead_letter_id"]))
    assert "no event" in shown.stdout
    replayed = stack.engage("dead-letters", "replay", "987654321", "--dry-run")
    assert (replayed.returncode, "dry run: 1 gone" in replayed.stdout) == (0, True)


@pytest.mark.parametrize("edge", ["earliest", "latest"])
async def test_ledger_is_balanced_after_a_halted_partition_was_moved(
    stack: Stack, edge: str
) -> None:
    await produce(stack, [b"no event"] * (TOO_MANY_IN_A_ROW + 5))
    eventually(lambda: stack.engage("status").returncode == 1, "the partition is halted")
    skipped = _skipped(stack)
    moved = stack.engage("consumer", "resume", "--partition", str(PARTITION), "--from", edge)

    assert ("read again" if edge == "earliest" else "are skipped") in moved.stdout, moved.stderr
    # Invalid records that are read again halt the partition again.
    eventually(lambda: _resumes_to_the_end(stack), "all is read")
    skips = re.search(r"([\d,]+) offsets are skipped", moved.stdout)
    assert _skipped(stack) == skipped + (int(skips[1]) if skips else 0)
    assert stack.engage("ledger").stdout.endswith("balanced\n")
    assert stack.engage("db", "verify").returncode == 0


def test_partition_that_is_not_halted_cannot_be_moved(stack: Stack) -> None:
    rejected = stack.engage("consumer", "resume", "--partition", "0", "--from", "latest")

    assert (rejected.returncode, "is not halted" in rejected.stderr) == (2, True)


def test_key_is_accepted_until_it_is_revoked(stack: Stack) -> None:
    key = stack.engage("keys", "create", "--scope", "read", "--label", "a colleague").stdout.strip()
    key_id = key.split("_")[2]
    url = stack.file["api_url"]

    eventually(lambda: request(url, "/categories/top", key)[0] == 200, "the key is accepted")
    listed = stack.engage("keys", "list", "-o", "json").stdout
    assert key_id in listed
    assert key not in listed
    assert stack.engage("keys", "revoke", key_id).returncode == 0
    eventually(lambda: request(url, "/categories/top", key)[0] == 401, "the key is rejected")


@pytest.fixture
def variables(stack: Stack) -> dict[str, str]:
    """The variables of a shell after `eval "$(engage env)"`."""
    script = f'eval "$({sys.executable} -m engage env --dir "{stack.folder}")"; env'
    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in printed.stdout.splitlines() if "=" in line)


async def test_env_prints_urls_and_keys_and_no_password(
    stack: Stack, variables: dict[str, str]
) -> None:
    for name in (
        "ingest_url", "api_url", "catalogue_url", "ingest_key", "read_key", "admin_key",
        "kafka_bootstrap_servers", "topic",
    ):  # fmt: skip
        assert variables[f"ENGAGE_{name.upper()}"] == stack.file[name]
    url = variables["ENGAGE_DATABASE_URL"]
    password = json.loads((stack.folder / "secrets.json").read_text())["passwords"][MIGRATOR]

    assert password not in "".join(variables.values())
    assert stat.S_IMODE((stack.folder / "pgpass").stat().st_mode) == 0o600
    assert await psql(url, "SELECT current_user") == f"current_user\n{MIGRATOR}\n"
    assert await fetch_value(url, "stats_view_age") is not None


@pytest.fixture(scope="module")
def engaged(stack: Stack) -> Stack:
    """The stack with an event in the stats view."""
    stack.post({"post_id": 1, "type": "view"})
    eventually(lambda: stack.get("/engagement/1")[1]["views"] > 0, "the event is stored")
    stack.engage("db", "refresh")
    shown = lambda: stack.get("/sample/posts")[1][0]["total_engagements"] > 0  # noqa: E731
    eventually(shown, "the view is refreshed")
    return stack


REPORTS = (
    "categories", "posts", "authors", "top-authors", "engagement-patterns", "opportunity-authors",
    "overview", "series", "ranking post", "fair-posts", "fair-authors", "opportunity",
    "next-slots", "cohorts", "effects", "when-to-post", "posting-hours", "movers", "funnel",
    "audience", "post 1", "author 1",
)  # fmt: skip


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_every_report_is_printed_as_table_json_and_csv(engaged: Stack, output: str) -> None:
    for report in REPORTS:
        command = ["report", *report.split(), "-o", output, "--dir", str(engaged.folder)]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, (report, result.output)
        if output == "json":
            json.loads(result.stdout)


def test_calendar_and_weekly_report_are_written_to_files(engaged: Stack, tmp_path: Path) -> None:
    slots, week = tmp_path / "slots.ics", tmp_path / "week.html"

    assert engaged.engage("report", "next-slots", "-o", "ics", "--file", str(slots)).returncode == 0
    assert slots.read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")
    written = engaged.engage("report", "weekly", "1", "-o", "html", "--file", str(week))
    assert written.returncode == 0, written.stderr
    assert "At equal age" in week.read_text(encoding="utf-8")


def test_monitor_prints_the_state_of_each_check(engaged: Stack) -> None:
    eventually(
        lambda: engaged.engage("monitor", "--check", "pipeline").returncode == 0,
        "nothing is wrong with the pipeline",
    )
    answer = engaged.engage("monitor", "--check", "pipeline", "--check", "movers")

    assert answer.stdout.partition(" | ")[2].startswith("pipeline=0 movers=")
    assert answer.returncode in {0, 1}


def test_post_without_catalogue_entry_is_listed_as_an_orphan(stack: Stack) -> None:
    post = 987_654_321
    stack.post({"post_id": post, "type": "like"})

    def orphans() -> str:
        return stack.engage("db", "orphans", "-o", "csv").stdout

    eventually(lambda: str(post) in orphans(), "the post is listed")


async def produce(stack: Stack, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.file["kafka_bootstrap_servers"])
    await producer.start()
    try:
        for value in values:
            await producer.send(stack.file["topic"], value, partition=PARTITION)
    finally:
        await producer.stop()


def _resumes_to_the_end(stack: Stack) -> bool:
    stack.engage("consumer", "resume")
    return _in_flight(stack) == 0 and stack.engage("status").returncode == 0


def _in_flight(stack: Stack) -> int:
    return _sum(stack, "in_flight")


def _skipped(stack: Stack) -> int:
    return _sum(stack, "skipped")


def _sum(stack: Stack, part: str) -> int:
    _, ledger = stack.get("/ops/ledger")
    return sum(partition[part] for partition in ledger["partitions"])
