"""Passwords of the services' database roles.

PostgreSQL gets a SCRAM verifier instead of the password, which statement logs would contain.
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from typing import Final

from schema.errors import SetupError
from schema.migrate import Connection

_ITERATIONS: Final = 4096
_SALT_BYTES: Final = 16
_ROLE: Final = re.compile(r"[a-z_]+", re.ASCII)


async def set_passwords(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Allow existing roles to log in with these passwords.

    Args:
        connection: of a login that may alter the roles.
        passwords: by role.

    Raises:
        SetupError: a password is not printable ASCII.
    """
    for role, password in passwords.items():
        assert _ROLE.fullmatch(role)  # noqa: S101  (our own names; a role takes no parameter)
        await connection.execute(f"ALTER ROLE {role} LOGIN PASSWORD '{verifier(role, password)}'")


def verifier(role: str, password: str) -> str:
    """Return the verifier that PostgreSQL stores for a password (RFC 5802, RFC 7677).

    Raises:
        SetupError: the password is empty or not printable ASCII, for which RFC 4013 has no rules.
    """
    if not password or not (password.isascii() and password.isprintable()):
        raise SetupError(f"the password of {role} must be printable ASCII, and not empty")
    salt = os.urandom(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    return f"SCRAM-SHA-256${_ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
