"""Kafka's SCRAM-SHA-512 (RFC 5802): how new storage gets a credential, and the gateway's login.

Kafka keeps credentials in its metadata log. Its storage tool writes the first one into the
snapshot that a new cluster begins with, but takes it from its command line, which every user of
the machine can read. So the tool writes a public placeholder, once for each user of this
product, and each stack replaces it in its own copy of the snapshot.

At a login both sides prove that they know the password; neither sends it. A broker that does not
know it is rejected: another program may have taken the broker's port.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import socket
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MECHANISM: Final = "SCRAM-SHA-512"
USERNAME: Final = "engage"
_ITERATIONS: Final = 4096
_SALT_BYTES: Final = 16
# Kafka's record batch, version 2: the length of what follows, and the checksum of what follows.
_LENGTH: Final = slice(8, 12)
_CHECKSUM: Final = slice(17, 21)
_CLIENT_ID: Final = b"engage-gateway"
# API keys and versions of Kafka's protocol, both with request header 1 and response header 0.
_HANDSHAKE: Final = (17, 1)
_AUTHENTICATE: Final = (36, 0)
_LONGEST_REPLY: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Login:
    password: str
    username: str = USERNAME


def client_arguments(login: Login | None) -> dict[str, str]:
    """Return the login arguments of aiokafka's clients; none without a login."""
    if login is None:
        return {}
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": login.username,
        "sasl_plain_password": login.password,
    }


@dataclass(frozen=True, slots=True)
class Credential:
    """The credential that a server stores of a password (RFC 5802)."""

    salt: bytes
    salted_password: bytes

    @classmethod
    def derive(cls, password: str, salt: bytes | None = None) -> "Credential":
        """Return the credential of *password*, with a random salt unless one is given."""
        salt = salt or secrets.token_bytes(_SALT_BYTES)
        return cls(salt, hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS))

    @property
    def parts(self) -> tuple[bytes, bytes, bytes]:
        """The salt, the stored key and the server key: each has one length for all passwords."""
        client_key = hmac.digest(self.salted_password, b"Client Key", "sha512")
        server_key = hmac.digest(self.salted_password, b"Server Key", "sha512")
        return self.salt, hashlib.sha512(client_key).digest(), server_key

    def argument(self) -> str:
        """Return the credential as an argument of Kafka's storage tool."""
        salt, salted = (base64.b64encode(b).decode() for b in (self.salt, self.salted_password))
        fields = f'name={USERNAME},salt="{salt}",iterations={_ITERATIONS},saltedpassword="{salted}"'
        return f"{MECHANISM}=[{fields}]"


PLACEHOLDER: Final = Credential.derive("placeholder", b"placeholder salt")
"""The public credential that the storage tool writes."""


def replace_placeholder(snapshot: bytes, credential: Credential) -> bytes:
    """Return *snapshot* with *credential* in place of the placeholder.

    Raises:
        ValueError: the placeholder is not in it exactly once.
    """
    content = bytearray(snapshot)
    for old, new in zip(PLACEHOLDER.parts, credential.parts, strict=True):
        if content.count(old) != 1 or len(old) != len(new):
            raise ValueError("the snapshot of Kafka's storage tool has no placeholder")
        place = content.index(old)
        content[place : place + len(old)] = new
    _renew_checksums(content)
    return bytes(content)


def _renew_checksums(batches: bytearray) -> None:
    from aiokafka.record.util import calc_crc32c  # noqa: PLC0415  (the gateway has no need of it)

    start = 0
    while start < len(batches):
        length = int.from_bytes(batches[start:][_LENGTH], "big")
        end = start + _LENGTH.stop + length
        checksum = calc_crc32c(bytes(batches[start + _CHECKSUM.stop : end]))
        place = slice(start + _CHECKSUM.start, start + _CHECKSUM.stop)
        batches[place] = checksum.to_bytes(4, "big")
        start = end


class LoginRejected(Exception):  # noqa: N818  (named for what is wrong, as in schema.errors)
    """The broker rejected the login, or could not prove that it knows the password."""


async def log_in(broker: socket.socket, username: str, password: str) -> None:
    """Log in on a new connection.

    Raises:
        LoginRejected: either side rejects the other.
        OSError: the connection broke.
    """
    try:
        handshake = await _ask(broker, _HANDSHAKE, _text(MECHANISM.encode()))
        _accepted(handshake)
        await _exchange(broker, username, password)
    except (ValueError, KeyError, IndexError) as error:
        raise LoginRejected("the broker does not speak Kafka's protocol") from error


async def _exchange(broker: socket.socket, username: str, password: str) -> None:
    nonce = secrets.token_hex(16)
    first = f"n={username},r={nonce}"
    server_first = await _message(broker, f"n,,{first}")
    fields = _fields(server_first)
    if not fields["r"].startswith(nonce):
        raise LoginRejected("the broker responded to another client's login")
    salted = _salted(password, base64.b64decode(fields["s"]), int(fields["i"]))
    final = f"c=biws,r={fields['r']}"
    signed = f"{first},{server_first},{final}".encode()
    client_key = hmac.digest(salted, b"Client Key", "sha512")
    signature = hmac.digest(hashlib.sha512(client_key).digest(), signed, "sha512")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    reply = await _message(broker, f"{final},p={base64.b64encode(proof).decode()}")
    server_key = hmac.digest(salted, b"Server Key", "sha512")
    expected = hmac.digest(server_key, signed, "sha512")
    if not hmac.compare_digest(base64.b64decode(_fields(reply)["v"]), expected):
        raise LoginRejected("the broker does not know the password")


@lru_cache(maxsize=4)
def _salted(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)


def _fields(message: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in message.split(","))}


async def _message(broker: socket.socket, text: str) -> str:
    raw = text.encode()
    reply = await _ask(broker, _AUTHENTICATE, len(raw).to_bytes(4, "big") + raw)
    _accepted(reply)
    # After the error code: an error text, nullable, and the message.
    start = 4 + max(0, int.from_bytes(reply[2:4], "big", signed=True))
    length = int.from_bytes(reply[start : start + 4], "big")
    return reply[start + 4 : start + 4 + length].decode()


def _accepted(reply: bytes) -> None:
    if code := int.from_bytes(reply[:2], "big", signed=True):
        raise LoginRejected(f"the broker rejected the login with error code {code}")


async def _ask(broker: socket.socket, api: tuple[int, int], body: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    key, version = (number.to_bytes(2, "big") for number in api)
    request = key + version + bytes(4) + _text(_CLIENT_ID) + body
    await loop.sock_sendall(broker, len(request).to_bytes(4, "big") + request)
    length = int.from_bytes(await _receive(broker, 4), "big")
    if not 4 <= length <= _LONGEST_REPLY:
        raise LoginRejected("the broker does not speak Kafka's protocol")
    return (await _receive(broker, length))[4:]


async def _receive(broker: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    received = b""
    while len(received) < count:
        part = await loop.sock_recv(broker, count - len(received))
        if not part:
            raise ConnectionResetError("the broker closed the connection")
        received += part
    return received


def _text(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text
