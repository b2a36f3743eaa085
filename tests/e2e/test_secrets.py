"""Logs, responses, metrics and commands contain no secret and no text of a request."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.stacks import Stack, engage, eventually
from tests.e2e.test_supervision import logins_rejected
from tests.security import misplaced_words
from tests.security.leaks import command_lines, files_of, leaks

WORD = "canary-7f3a9b-typed-by-a-client"
SECRET_FILES = (
    "secrets.json", "stack.json", "postgres.password", "pgpass", "kafka/server.properties",
)  # fmt: skip
"""The files that contain secrets; only their owner can read them."""
SERVICES = {"ingest": "ingest_key", "api": "read_key", "catalogue": "admin_key"}
INVALID_SETTINGS = {
    "a password": {"ENGAGE_DATABASE_URL": "postgresql://engage_reader:{}@127.0.0.1:{port}/x"},
    "a way": {"ENGAGE_DATABASE_URL": "postgresql://engage_reader:{}@db.example/x"},
    "a URL": {"ENGAGE_DATABASE_URL": "postgresql://engage_reader:{}@[db/x"},
    "a login": {
        "ENGAGE_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "ENGAGE_KAFKA_SASL_USERNAME": "engage",
        "ENGAGE_KAFKA_SASL_PASSWORD": "{}",
    },
    "a number": {"ENGAGE_KAFKA_SASL_PASSWORD": "{}", "ENGAGE_BATCH_MAX_ROWS": "many"},
}
STACK_COMMANDS = (
    ("status",), ("status", "--json"), ("ledger",), ("keys", "list", "-o", "json"), ("doctor",),
    ("report", "categories"), ("db", "verify"), ("dead-letters", "list"),
)  # fmt: skip
ENVIRONMENT_COMMANDS = (
    ("config", "show"), ("config", "show", "-o", "json"), ("--help",), ("up", "--help"),
    ("report", "--help"), ("config", "table"), ("db", "migrate"), ("report", "categories"),
)  # fmt: skip


def secrets_of(stack: Stack) -> dict[str, str]:
    kept = json.loads((stack.folder / "secrets.json").read_text())
    found = {f"the password of {login}": text for login, text in kept["passwords"].items()}
    found |= {f"the {scope} key": text for scope, text in kept["keys"].items()}
    found["the secret of derived ids"] = kept["derived_id_secret"]
    return found | {"the superuser's password": (stack.folder / "postgres.password").read_text()}


def forbidden_texts(stack: Stack) -> dict[str, str]:
    return secrets_of(stack) | {"the client's word": WORD}


def test_responses_repeat_no_word_and_no_key_of_a_request(stack: Stack) -> None:
    file = stack.file
    answers: list[tuple[str, bytes]] = []
    for service, own in SERVICES.items():
        url, key = file[f"{service}_url"], file[own]
        answers += misplaced_words.replies(url, misplaced_words.attempts(service, key, WORD))
        for foreign in ("admin_key", "ingest_key", "read_key"):
            answers += misplaced_words.replies(
                url, list(misplaced_words.attempts(service, key, file[foreign]))[::7]
            )
    answers += misplaced_words.metrics(file)

    assert len(answers) > 1000
    assert leaks(forbidden_texts(stack), answers) == []
    # Some requests were events, which the next test expects to be stored.
    eventually(lambda: not stack.get("/ops/ledger")[1]["totals"]["in_flight"], "all is stored")


async def test_responses_contain_no_password_when_services_cannot_log_in(stack: Stack) -> None:
    async with logins_rejected(stack):
        await asyncio.to_thread(eventually, lambda: stack.get("/readyz")[0] == 503, "it notices")
        answers = list(misplaced_words.replies(stack.file["api_url"], report_requests(stack)))
        answers += misplaced_words.metrics(stack.file)
    eventually(lambda: stack.engage("status").returncode == 0, "everything is ready again")

    assert leaks(forbidden_texts(stack), answers) == []


def report_requests(stack: Stack) -> Iterable[misplaced_words.Attempt]:
    right = {"Authorization": f"Bearer {stack.file['read_key']}"}
    return (misplaced_words.Attempt("GET", path, right) for path in misplaced_words.PATHS["api"])


@pytest.mark.parametrize("module", ["ingest_service", "consumer", "analytics_api", "schema"])
@pytest.mark.parametrize("wrong", INVALID_SETTINGS)
def test_output_contains_no_password_when_a_process_cannot_start(
    stack: Stack, module: str, wrong: str
) -> None:
    port = stack.file["database_url"].rpartition(":")[2].partition("/")[0]
    settings = {
        name: text.format(WORD, port=port) for name, text in INVALID_SETTINGS[wrong].items()
    }
    said = output_of_process(module, settings | {"ENGAGE_PORT": "0"})

    assert leaks({"the secret": WORD}, [("its output", said)]) == []


def output_of_process(module: str, settings: dict[str, str]) -> bytes:
    """Return all that a process writes until it ends, or is ended after two seconds."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ENGAGE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=kept | settings,
    )
    try:
        return process.communicate(timeout=2)[0]
    except subprocess.TimeoutExpired:
        process.terminate()
        return process.communicate()[0]


def test_commands_show_no_secret(stack: Stack) -> None:
    given = {
        "ENGAGE_DATABASE_URL": f"postgresql://engage:{WORD}@db.example/x",
        "ENGAGE_KAFKA_SASL_PASSWORD": WORD,
        "ENGAGE_READ_KEY": WORD,
    }
    shown = [output_of(command, stack.engage(*command)) for command in STACK_COMMANDS]
    shown += [
        output_of(command, engage(*command, environment=given)) for command in ENVIRONMENT_COMMANDS
    ]

    assert leaks(forbidden_texts(stack), shown) == []


def output_of(command: tuple[str, ...], done: Any) -> tuple[str, bytes]:
    return " ".join(command), (done.stdout + done.stderr).encode()


def test_no_file_and_no_command_line_contains_a_secret(stack: Stack) -> None:
    """This includes all logs of the tests before."""
    assert stack.engage("env").returncode == 0  # which writes pgpass
    written = [*files_of(stack.folder, but=SECRET_FILES), *command_lines(stack.pids())]
    logs = {name for name, _ in written if name.startswith("logs/")}

    assert {"logs/api.log", "logs/kafka.log", "logs/postgres.log", "logs/supervisor.log"} <= logs
    assert len([name for name, _ in written if name.startswith("the command line")]) > 10
    assert leaks(forbidden_texts(stack), written) == []
    for name in SECRET_FILES:
        assert (stack.folder / name).stat().st_mode & 0o077 == 0, name


def test_leaks_finds_each_form_of_a_secret() -> None:
    secret = "p/w+d?&canary-1234567890"
    login = base64.b64encode(f"engage:{secret}".encode()).decode()
    written = (secret, quote(secret, safe=""), secret.encode().hex(), login)

    for form in written:
        assert leaks({"it": secret}, [("a log", f"a line {form} and more".encode())])
    assert leaks({"it": secret}, [("a log", b"a line without")]) == []
