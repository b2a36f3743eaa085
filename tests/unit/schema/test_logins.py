import base64
import hashlib
import hmac
from typing import Any

import pytest

from schema.errors import SetupError
from schema.logins import set_passwords, verifier


class Statements:
    """A connection that records executed statements."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    async def execute(self, statement: str) -> None:
        self.executed.append(statement)


def proves(password: str, found: str) -> bool:
    """Return whether the stored verifier accepts a password (RFC 5802)."""
    method, parameters, keys = found.split("$")
    iterations, salt = parameters.split(":")
    stored_key = base64.b64decode(keys.split(":")[0])
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), base64.b64decode(salt), int(iterations)
    )
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return method == "SCRAM-SHA-256" and hashlib.sha256(client_key).digest() == stored_key


async def test_server_is_sent_a_verifier_and_never_the_password() -> None:
    connection: Any = Statements()
    await set_passwords(connection, {"engage_reader": "it's $ecret"})
    [statement] = connection.executed

    assert statement.startswith("ALTER ROLE engage_reader LOGIN PASSWORD 'SCRAM-SHA-256$")
    assert "ecret" not in statement


def test_verifier_proves_the_password_and_no_other() -> None:
    found = verifier("engage_reader", "right")

    assert proves("right", found)
    assert not proves("wrong", found)
    assert found != verifier("engage_reader", "right")


@pytest.mark.parametrize("password", ["", "größe", "two\nlines"])
def test_password_that_would_have_to_be_prepared_is_refused(password: str) -> None:
    with pytest.raises(SetupError, match="engage_reader") as caught:
        verifier("engage_reader", password)
    assert not password or password not in str(caught.value)
