"""A whole stack whose connections to Kafka and PostgreSQL are encrypted and verified."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiokafka import AIOKafkaProducer

from tests.backends import Backend
from tests.conftest import database_url
from tests.databases import connection_to
from tests.e2e.stacks import Stack, engage, eventually, started
from tests.security.certificates import Authority, Kind, server_context
from tests.security.leaks import command_lines, files_of, leaks
from tests.security.tls_kafka import USER, SecureKafka
from tests.security.tls_postgres import behind_tls

TOPIC = "engagement.events"
DEAD_LETTER_LIMIT = 100
POST = 4711


@dataclass(frozen=True)
class Encrypted:
    """The stack, and the environment of its commands."""

    stack: Stack
    environment: Mapping[str, str]
    plain_kafka: str

    def engage(self, *arguments: str) -> Any:
        return engage(*arguments, "--dir", self.stack.folder, environment=self.environment)


@pytest.fixture
async def login(servers: Backend) -> AsyncIterator[str]:
    """The URL of an empty database, with a new login that may create roles."""
    name, password = f"tls_{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    async with connection_to(servers.database_url) as owner:
        await owner.execute(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{password}'")
        await owner.execute(f"CREATE DATABASE {name} OWNER {name}")
        address = database_url(servers, name).rpartition("@")[2]
        yield f"postgresql://{name}:{password}@{address}"
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await owner.execute(f"DROP ROLE {name}")


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
    stack, engage = encrypted.stack, encrypted.engage

    def is_stored() -> bool:
        totals = stack.get("/ops/ledger")[1]["totals"]
        return bool(totals["stored"] == 1 and totals["in_flight"] == 0)

    def use_the_stack() -> None:
        assert stack.post({"post_id": POST, "type": "like"})[0] == 202
        eventually(is_stored, "the event is stored")
        eventually(lambda: engage("status").returncode == 0, "all processes are ready")
        author = {"name": "Ann", "joined_date": "2020-01-01", "author_category": "Tech"}
        status, found = stack.catalogue({"kind": "author", "id": 1} | author)
        assert (status, found["created"]) == (200, 1)

        asyncio.run(write_garbage(encrypted.plain_kafka))
        eventually(lambda: engage("status").returncode == 1, "the partition is halted")
        moved = engage("consumer", "resume", "--partition", "3", "--from", "latest")
        assert "are skipped" in moved.stdout, moved.stderr
        eventually(lambda: engage("status").returncode == 0, "the partition is consumed again")

        by = ("--user-id", "7", "--by", "test")
        for command in (
            ("ledger",), ("db", "verify"), ("db", "migrate"), ("db", "refresh"),
            ("users", "export", *by), ("users", "erase", *by, "--yes"),
        ):  # fmt: skip
            result = engage(*command)
            assert result.returncode == 0, result.stderr
        letters = engage("dead-letters", "list", "-o", "json")
        assert json.loads(letters.stdout)[0]["reason"] == "malformed_json"

    # In a thread, because the TLS in front of PostgreSQL is in this one.
    await asyncio.to_thread(use_the_stack)

    passwords = {
        "Kafka's password": encrypted.environment["ENGAGE_KAFKA_SASL_PASSWORD"],
        "PostgreSQL's password": str(
            urlsplit(encrypted.environment["ENGAGE_DATABASE_URL"]).password
        ),
    }
    visible = [*files_of(stack.folder, but=("stack.json",)), *command_lines(stack.pids())]
    assert len(visible) > 15
    assert leaks(passwords, visible) == []


async def write_garbage(bootstrap_servers: str) -> None:
    """Write more invalid records in a row than a partition may have, from the broker's network."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers)
    await producer.start()
    try:
        for _ in range(DEAD_LETTER_LIMIT + 5):
            await producer.send(TOPIC, b"no event", partition=3)
    finally:
        await producer.stop()
