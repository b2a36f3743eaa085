"""The gateway to the embedded Kafka: it admits the stack's owner and root without a password.

The broker itself only accepts clients that log in. Tools that know nothing but an address connect
to the gateway, which asks the kernel whose connection it is (as PostgreSQL's `peer` method does),
logs in at the broker in the client's place, and then copies bytes in both directions.

The supervisor starts ``python -m engage.gateway`` with its listening socket.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engage.embedded.ports import LOOPBACK
from engage.embedded.scram import LoginRejected, log_in
from runtime.logging import configure_logging, get_logger

PASSWORD: Final = "KAFKA_GATEWAY_PASSWORD"  # noqa: S105  (the variable's name)
_BUFFER_BYTES: Final = 256 * 1024
_START_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1
_QUIET_SECONDS: Final = 60.0
_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED: Final = "01"
# The columns of a table, split at white space.
_LOCAL, _REMOTE, _STATE, _UID, _INODE = 1, 2, 3, 7, 9

Address = tuple[str, int]
"""An IP address and a port."""

logger = get_logger("gateway")


def can_see_owners() -> bool:
    """Return whether this system shows the owners of connections (Linux does)."""
    return _TABLES[0].exists()


def owner_of_connection(client: Address, server: Address) -> int | None:
    """Return the user ID of the process that connected from *client* to *server*.

    Only an open connection counts: once its process has closed it, the kernel shows user 0 for
    it, and data that were sent before could pass for root's.

    Returns:
        None when the connection is closed.
    """
    for local, remote, state, uid, inode in _rows():
        # Ports first: parsing each address of a busy machine would cost milliseconds.
        is_open = state == _ESTABLISHED and inode != "0" and _port(local) == client[1]
        if is_open and (_parse_address(local), _parse_address(remote)) == (client, server):
            return int(uid)
    return None


def _rows() -> Iterator[tuple[str, str, str, str, str]]:
    for table in _TABLES:
        if not table.exists():
            continue
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            yield fields[_LOCAL], fields[_REMOTE], fields[_STATE], fields[_UID], fields[_INODE]


def _port(text: str) -> int:
    return int(text.rpartition(":")[2], 16)


def _parse_address(text: str) -> Address:
    """Parse an address of the tables: words of 32 bits in the machine's byte order."""
    words, _, port = text.rpartition(":")
    raw = b"".join(
        int(words[place : place + 8], 16).to_bytes(4, sys.byteorder)
        for place in range(0, len(words), 8)
    )
    address = ipaddress.ip_address(raw)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address), int(port, 16)


class Gateway:
    """A server for clients of one broker.

    Args:
        broker_port: the broker's port on loopback, whose listener advertises this gateway.
        username, password: of the broker.
    """

    def __init__(self, broker_port: int, username: str, password: str) -> None:
        self._broker = (LOOPBACK, broker_port)
        self._login = (username, password)
        self._allowed = {0, os.geteuid()}
        self._connections: set[asyncio.Task[None]] = set()
        self._logged: dict[str, float] = {}

    async def serve(self, listener: socket.socket) -> int:
        """Accept connections on *listener* until SIGTERM or SIGINT. Returns the exit code 0."""
        listener.setblocking(False)
        accepting = asyncio.ensure_future(self._accept(listener))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, accepting.cancel)
        await asyncio.wait({accepting})
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        return 0 if accepting.cancelled() else 1

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(listener)
            except OSError as error:
                # Too many open files, or a connection that was reset before it was accepted.
                self._log("connection not accepted", error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            client.setblocking(False)
            task = asyncio.create_task(self._handle(client, address[:2]))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    async def _handle(self, client: socket.socket, address: Address) -> None:
        with client, contextlib.suppress(OSError):
            uid = await asyncio.to_thread(owner_of_connection, address, client.getsockname()[:2])
            if uid not in self._allowed:
                # None: it was closed before its owner could be found.
                self._log("rejected a connection of another user", uid=uid)
                return
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as broker:
                broker.setblocking(False)
                if await self._connect(broker):
                    await _copy_both_ways(client, broker)

    async def _connect(self, broker: socket.socket) -> bool:
        """Connect to the broker and log in. Return whether that succeeded."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await asyncio.get_running_loop().sock_connect(broker, self._broker)
                await log_in(broker, *self._login)
        except (OSError, TimeoutError) as error:
            self._log("Kafka does not respond", error=type(error).__name__)
        except LoginRejected as error:
            self._log("login at Kafka failed", error=str(error))
        else:
            broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return True
        return False

    def _log(self, event: str, **fields: object) -> None:
        """Log a warning, each kind at most once a minute: clients retry many times a second."""
        now = time.monotonic()
        if now - self._logged.get(event, -_QUIET_SECONDS) >= _QUIET_SECONDS:
            self._logged[event] = now
            logger.warning(event, **fields)


async def _copy_both_ways(client: socket.socket, broker: socket.socket) -> None:
    """Copy until either side closes its connection, or breaks it."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    copies = {
        asyncio.create_task(_copy(client, broker)),
        asyncio.create_task(_copy(broker, client)),
    }
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


async def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy from *source* to *target*, reading only after the last bytes are written."""
    loop = asyncio.get_running_loop()
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    while count := await loop.sock_recv_into(source, buffer):
        await loop.sock_sendall(target, buffer[:count])


def main() -> int:
    """Run until SIGTERM, which ends every connection."""
    parser = argparse.ArgumentParser(prog="python -m engage.gateway")
    parser.add_argument("--listen-fd", type=int, required=True, help="inherited socket")
    parser.add_argument("--broker-port", type=int, required=True, help="of the broker, on loopback")
    parser.add_argument("--username", required=True, help=f"its password is in {PASSWORD}")
    options = parser.parse_args()
    configure_logging("kafka-gateway")
    gateway = Gateway(options.broker_port, options.username, os.environ[PASSWORD])
    listener = socket.socket(fileno=options.listen_fd)
    try:
        import uvloop  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        return asyncio.run(gateway.serve(listener))
    return uvloop.run(gateway.serve(listener))


if __name__ == "__main__":
    sys.exit(main())
