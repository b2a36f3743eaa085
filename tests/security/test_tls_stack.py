"""A whole stack whose every way to Kafka and PostgreSQL is encrypted and verified."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from tests.backends import Backend
from tests.conftest import database_url
from tests.e2e.stacks import Stack, engage, eventually, started
from tests.security.canary import command_lines, files_of, leaks
from tests.security.certificates import Authority, Kind, server_context
from tests.security.tls_kafka import USER, SecureKafka
from tests.security.tls_postgres import behind_tls

TOPIC = "engagement.events"
TOO_MANY_IN_A_ROW = 100
POST = 4711


@dataclass(frozen=True)
class Encrypted:
    """The stack, and what its commands need of the environment."""

    stack: Stack
    environment: Mapping[str, str]
    plain_kafka: str

    def engage(self, *arguments: str) -> Any:
        return engage(*arguments, "--dir", self.stack.folder, environment=self.environment)


@pytest.fixture
async def login(servers: Backend) -> AsyncIterator[str]:
    """The URL of an empty database, for a login of its own that may make roles."""
    name, password = f"tls_{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    owner: Any = await asyncpg.connect(servers.database_url)
    try:
        await owner.execute(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{password}'")
        await owner.execute(f"CREATE DATABASE {name} OWNER {name}")
        address = database_url(servers, name).rpartition("@")[2]
        yield f"postgresql://{name}:{password}@{address}"
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await owner.execute(f"DROP ROLE {name}")
    finally:
        await owner.close()


@pytest.fixture
async def encrypted(
    login: str,
    secure_kafka: SecureKafka,
    authority: Authority,
    kafka_password: str,
    tmp_path: Path,
) -> AsyncIterator[Encrypted]:
    async with behind_tls(login, server_context(authority.issue(Kind.RIGHT))) as url:
        environment = {
            "ENGAGE_KAFKA_BOOTSTRAP_SERVERS": secure_kafka.address(Kind.RIGHT),
            "ENGAGE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "ENGAGE_KAFKA_SSL_CA_FILE": str(authority.ca_file),
            "ENGAGE_KAFKA_SASL_USERNAME": USER,
            "ENGAGE_KAFKA_SASL_PASSWORD": kafka_password,
            "ENGAGE_DATABASE_URL": f"{url}?sslmode=verify-full&sslrootcert={authority.ca_file}",
        }
        running = started(tmp_path, "--stack", "external", environment=environment)
        stack = await asyncio.to_thread(running.__enter__)
        try:
            yield Encrypted(stack, environment, secure_kafka.bootstrap_servers)
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


async def test_every_process_and_command_works_over_tls(encrypted: Encrypted) -> None:
    await asyncio.to_thread(an_event_is_stored_and_shown, encrypted)
    await asyncio.to_thread(the_catalogue_takes_a_post, encrypted)
    await halt(encrypted)
    await asyncio.to_thread(a_halted_partition_is_moved, encrypted)
    await asyncio.to_thread(the_accounts_balance, encrypted)
    nobody_is_told_a_password(encrypted)


def an_event_is_stored_and_shown(encrypted: Encrypted) -> None:
    stack = encrypted.stack
    assert stack.post({"post_id": POST, "type": "like"})[0] == 202

    def is_stored() -> bool:
        totals = stack.get("/ops/ledger")[1]["totals"]
        return bool(totals["stored"] == 1 and totals["in_flight"] == 0)

    eventually(is_stored, "the event is stored, and the API knows where the log ends")
    eventually(lambda: encrypted.engage("status").returncode == 0, "all is ready")


def the_catalogue_takes_a_post(encrypted: Encrypted) -> None:
    author = {"name": "Ann", "joined_date": "2020-01-01", "author_category": "Tech"}
    line = {"kind": "author", "id": 1} | author
    status, found = encrypted.stack.catalogue(line)

    assert (status, found["created"]) == (200, 1)


async def halt(encrypted: Encrypted) -> None:
    """Write what no event is, from within the broker's own network."""
    producer = AIOKafkaProducer(bootstrap_servers=encrypted.plain_kafka)
    await producer.start()
    try:
        for _ in range(TOO_MANY_IN_A_ROW + 5):
            await producer.send(TOPIC, b"no event", partition=3)
    finally:
        await producer.stop()


def a_halted_partition_is_moved(encrypted: Encrypted) -> None:
    eventually(lambda: encrypted.engage("status").returncode == 1, "the partition is halted")
    moved = encrypted.engage("consumer", "resume", "--partition", "3", "--from", "latest")

    assert "passed over" in moved.stdout, moved.stderr
    eventually(lambda: encrypted.engage("status").returncode == 0, "the partition goes on")


def the_accounts_balance(encrypted: Encrypted) -> None:
    for command in (("ledger",), ("db", "verify"), ("db", "migrate"), ("db", "refresh")):
        answer = encrypted.engage(*command)
        assert answer.returncode == 0, answer.stderr
    letters = encrypted.engage("dead-letters", "list", "-o", "json")
    assert json.loads(letters.stdout)[0]["reason"] == "malformed_json"
    assert encrypted.engage("users", "export", "7", "--by", "test").returncode == 0
    erased = encrypted.engage("users", "erase", "7", "--by", "test")
    assert erased.returncode == 0, erased.stderr


def nobody_is_told_a_password(encrypted: Encrypted) -> None:
    stack, environment = encrypted.stack, encrypted.environment
    secrets = {
        "Kafka's password": environment["ENGAGE_KAFKA_SASL_PASSWORD"],
        "PostgreSQL's password": str(urlsplit(environment["ENGAGE_DATABASE_URL"]).password),
    }
    written = [*files_of(stack.folder, but=("stack.json",)), *command_lines(stack.pids())]

    assert len(written) > 15
    assert leaks(secrets, written) == []
