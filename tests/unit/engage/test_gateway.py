"""The gateway's check of the owner of a connection, and its login at the broker."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from engage.embedded.scram import (
    PLACEHOLDER,
    Credential,
    LoginRejected,
    log_in,
    replace_placeholder,
)
from engage.gateway import Gateway, _parse_address, owner_of_connection

LOOPBACK = "127.0.0.1"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield listener


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F:2384", ("127.0.0.1", 9092)),
        ("0000000000000000FFFF00000100007F:0050", ("127.0.0.1", 80)),
        ("00000000000000000000000001000000:0050", ("::1", 80)),
    ],
)
def test_addresses_of_the_kernels_tables_are_parsed(
    text: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.byteorder", "little")

    assert _parse_address(text) == address


def test_owner_of_an_open_connection_is_found(listener: socket.socket) -> None:
    server = listener.getsockname()
    with socket.create_connection(server) as client:
        assert owner_of_connection(client.getsockname(), server) == os.geteuid()


def test_owner_of_a_connection_from_an_ipv6_socket_is_found(
    listener: socket.socket,
) -> None:
    server = listener.getsockname()
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as client:
        client.connect(("::ffff:127.0.0.1", server[1]))
        accepted, address = listener.accept()
        accepted.close()

        assert owner_of_connection(address, server) in (os.geteuid(), None)


@pytest.mark.parametrize("how", ["close", "shutdown"])
def test_closed_connection_has_no_owner(listener: socket.socket, how: str) -> None:
    server = listener.getsockname()
    client = socket.create_connection(server)
    address = client.getsockname()
    accepted, _ = listener.accept()
    with accepted, client:
        client.sendall(b"what root would send")
        if how == "close":
            client.close()
        else:
            client.shutdown(socket.SHUT_WR)

        assert owner_of_connection(address, server) is None


async def test_gateway_closes_connections_of_other_users_unread(listener: socket.socket) -> None:
    with socket.create_server((LOOPBACK, 0)) as broker:
        gateway = Gateway(broker.getsockname()[1], "engage", "password")
        gateway._allowed = {os.geteuid() + 1}
        serving = asyncio.create_task(gateway._accept(listener))
        try:
            listener.setblocking(False)
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
        finally:
            serving.cancel()
        broker.setblocking(False)
        with pytest.raises(BlockingIOError):
            broker.accept()


async def test_login_refuses_a_broker_that_does_not_know_the_password() -> None:
    with socket.create_server((LOOPBACK, 0)) as impostor:
        thread = threading.Thread(target=impersonate, args=(impostor,))
        thread.start()
        with socket.create_connection(impostor.getsockname()) as client:
            client.setblocking(False)
            with pytest.raises(LoginRejected, match="does not know the password"):
                await log_in(client, "engage", "password")
        thread.join()


def impersonate(impostor: socket.socket) -> None:
    """Accept whatever login comes, as a program on the broker's port would."""

    def reply(body: bytes) -> None:
        server.sendall((len(body) + 4).to_bytes(4, "big") + bytes(4) + body)

    def message(text: bytes) -> bytes:
        return b"\0\0" + b"\xff\xff" + len(text).to_bytes(4, "big") + text

    server, _ = impostor.accept()
    with server:
        server.recv(4096)
        reply(b"\0\0" + bytes(4))
        nonce = server.recv(4096).rpartition(b"r=")[2]
        reply(message(b"r=" + nonce + b"theirs,s=c2FsdA==,i=4096"))
        server.recv(4096)
        reply(message(b"v=" + b"A" * 86 + b"=="))
        server.recv(4096)


def test_placeholder_is_replaced_by_the_credential_of_the_stack() -> None:
    batch = bytes(8) + (9 + 176).to_bytes(4, "big") + bytes(9) + b"".join(PLACEHOLDER.parts)
    credential = Credential.derive("password")

    replaced = replace_placeholder(batch, credential)

    assert len(replaced) == len(batch)
    assert all(part in replaced for part in credential.parts)
    assert not [part for part in PLACEHOLDER.parts if part in replaced]


def test_snapshot_without_a_placeholder_is_rejected() -> None:
    with pytest.raises(ValueError, match="no placeholder"):
        replace_placeholder(bytes(64), Credential.derive("password"))
