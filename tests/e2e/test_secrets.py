"""No secret, and no word of a client's, in what the stack writes, answers, counts or shows."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from tests.e2e.stacks import Stack, engage, eventually
from tests.e2e.test_supervision import allow_logins, superuser_url
from tests.security import misuse
from tests.security.canary import command_lines, files_of, leaks

WORD = "canary-7f3a9b-typed-by-a-client"
KEEPERS = (
    "secrets.json", "stack.json", "postgres.password", "pgpass", "kafka/server.properties",
)  # fmt: skip
"""The files whose purpose is to hold secrets; readable by their owner alone."""
SERVICES = {"ingest": "ingest_key", "api": "read_key", "catalogue": "admin_key"}
WRONG = {
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
OF_THE_STACK = (
    ("status",), ("status", "--json"), ("ledger",), ("keys", "list", "-o", "json"), ("doctor",),
    ("report", "categories"), ("db", "verify"), ("dead-letters", "list"),
)  # fmt: skip
OF_THE_ENVIRONMENT = (
    ("config", "show"), ("config", "show", "-o", "json"), ("--help",), ("up", "--help"),
    ("report", "--help"), ("config", "table"), ("db", "migrate"), ("report", "categories"),
)  # fmt: skip


def secrets_of(stack: Stack) -> dict[str, str]:
    kept = json.loads((stack.folder / "secrets.json").read_text())
    found = {f"the password of {login}": text for login, text in kept["passwords"].items()}
    found |= {f"the {scope} key": text for scope, text in kept["keys"].items()}
    found["the secret of derived ids"] = kept["derived_id_secret"]
    return found | {"the superuser's password": (stack.folder / "postgres.password").read_text()}


def words_of(stack: Stack) -> dict[str, str]:
    return secrets_of(stack) | {"the client's word": WORD}


def test_answers_repeat_no_word_and_no_key_wherever_it_was_put(stack: Stack) -> None:
    file = stack.file
    answers: list[tuple[str, bytes]] = []
    for service, own in SERVICES.items():
        url, key = file[f"{service}_url"], file[own]
        answers += misuse.replies(url, misuse.attempts(service, key, WORD))
        for foreign in ("admin_key", "ingest_key", "read_key"):
            answers += misuse.replies(url, list(misuse.attempts(service, key, file[foreign]))[::7])
    answers += misuse.metrics(file)

    assert len(answers) > 1000
    assert leaks(words_of(stack), answers) == []
    # Some were events: the next test's account begins with all of them stored.
    eventually(lambda: not stack.get("/ops/ledger")[1]["totals"]["in_flight"], "all is stored")


async def test_services_that_cannot_log_in_tell_no_password(stack: Stack) -> None:
    owner = await asyncpg.connect(superuser_url(stack))
    try:
        await allow_logins(owner, "NOLOGIN")
        await asyncio.to_thread(eventually, lambda: stack.get("/readyz")[0] == 503, "it notices")
        answers = list(misuse.replies(stack.file["api_url"], api_questions(stack)))
        answers += misuse.metrics(stack.file)
    finally:
        await allow_logins(owner, "LOGIN")
        await owner.close()
    eventually(lambda: stack.engage("status").returncode == 0, "everything is ready again")

    assert leaks(words_of(stack), answers) == []


def api_questions(stack: Stack) -> Iterable[misuse.Attempt]:
    right = {"Authorization": f"Bearer {stack.file['read_key']}"}
    return (misuse.Attempt("GET", path, right) for path in misuse.PATHS["api"])


@pytest.mark.parametrize("module", ["ingest_service", "consumer", "analytics_api", "schema"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_process_that_cannot_start_tells_no_password(
    stack: Stack, module: str, wrong: str
) -> None:
    port = stack.file["database_url"].rpartition(":")[2].partition("/")[0]
    settings = {name: text.format(WORD, port=port) for name, text in WRONG[wrong].items()}
    said = run_for_a_moment(module, settings | {"ENGAGE_PORT": "0"})

    assert leaks({"the secret": WORD}, [("its output", said)]) == []


def run_for_a_moment(module: str, settings: dict[str, str]) -> bytes:
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
    shown = [output_of(command, stack.engage(*command)) for command in OF_THE_STACK]
    shown += [
        output_of(command, engage(*command, environment=given)) for command in OF_THE_ENVIRONMENT
    ]

    assert leaks(words_of(stack), shown) == []


def output_of(command: tuple[str, ...], done: Any) -> tuple[str, bytes]:
    return " ".join(command), (done.stdout + done.stderr).encode()


def test_nothing_that_was_written_or_that_others_can_see_has_a_secret(stack: Stack) -> None:
    """All logs so far, of everything that the tests before did to this stack."""
    assert stack.engage("env").returncode == 0  # which writes one of the keepers
    written = [*files_of(stack.folder, but=KEEPERS), *command_lines(stack.pids())]
    logs = {name for name, _ in written if name.startswith("logs/")}

    assert {"logs/api.log", "logs/kafka.log", "logs/postgres.log", "logs/supervisor.log"} <= logs
    assert len([name for name, _ in written if name.startswith("the command line")]) > 10
    assert leaks(words_of(stack), written) == []
    for name in KEEPERS:
        assert (stack.folder / name).stat().st_mode & 0o077 == 0, name


def test_a_leak_would_be_found() -> None:
    secret = "p/w+d?&canary-1234567890"
    login = base64.b64encode(f"engage:{secret}".encode()).decode()
    written = (secret, quote(secret, safe=""), secret.encode().hex(), login)

    for form in written:
        assert leaks({"it": secret}, [("a log", f"a line {form} and more".encode())])
    assert leaks({"it": secret}, [("a log", b"a line without")]) == []
