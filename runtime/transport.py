"""Connections to Kafka and PostgreSQL: encrypted, or in plain text if that is allowed."""

import asyncio
import ipaddress
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from runtime.settings import KafkaSettings

_START_SECONDS: Final = 1.0
_VERIFYING: Final = "verify-full"
_USUAL_ROOT: Final = "~/.postgresql/root.crt"
_PLACEHOLDERS: Final = frozenset(
    {"admin", "changeit", "changeme", "default", "engage", "engagement", "example", "kafka",
     "pass", "password", "postgres", "root", "secret", "test", "user", "yourpassword"}
)  # fmt: skip
_ALLOW: Final = "or ENGAGE_ALLOW_PLAINTEXT=true on a trusted network"


def kafka_arguments(settings: "KafkaSettings") -> dict[str, Any]:
    """Return the arguments of Kafka clients for these settings."""
    protocol = settings.kafka_security_protocol
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": protocol,
    }
    if protocol.endswith("SSL"):
        arguments["ssl_context"] = _context(settings.kafka_ssl_ca_file)
    if protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return arguments


class KafkaClient(Protocol):
    async def start(self) -> None:
        """Connect."""


async def start(client: KafkaClient) -> None:
    """Start a client. A cancellation takes effect when it has started, or after a second.

    If aiokafka is cancelled while it requests the cluster's metadata, it forgets that connection,
    and ``stop`` leaves it open.
    """
    starting = asyncio.create_task(client.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting}, timeout=_START_SECONDS)
        starting.cancel()
        raise


def _context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies certificates and host names, with at least TLS 1.2.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def kafka_problem(settings: "KafkaSettings") -> str | None:
    """Return why a connection to Kafka is not secure, without secrets; None: it is."""
    protocol = settings.kafka_security_protocol
    is_local = all(map(_is_loopback, _hosts(settings.kafka_bootstrap_servers)))
    password = settings.kafka_sasl_password
    if protocol.startswith("SASL") and not (settings.kafka_sasl_username and password):
        return "SASL needs ENGAGE_KAFKA_SASL_USERNAME and ENGAGE_KAFKA_SASL_PASSWORD"
    if not is_local and password and _is_placeholder(password.get_secret_value()):
        return "ENGAGE_KAFKA_SASL_PASSWORD is a placeholder: choose a password"
    if not is_local and not protocol.endswith("SSL") and not settings.allow_plaintext:
        return f"Kafka beyond loopback needs ENGAGE_KAFKA_SECURITY_PROTOCOL=SASL_SSL, {_ALLOW}"
    if protocol.endswith("SSL") and not _holds_certificates(settings.kafka_ssl_ca_file):
        return "ENGAGE_KAFKA_SSL_CA_FILE cannot be read, or holds no certificate in PEM"
    return None


def database_problem(url: str, *, allow_plaintext: bool) -> str | None:
    """Return why a connection to PostgreSQL is not secure, without secrets; None: it is."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        hosts = [*_hosts(parts.netloc.rpartition("@")[2]), *_hosts(",".join(query.get("host", [])))]
    except ValueError:
        return "not a URL such as postgresql://user:password@host:5432/engagement"
    is_local = all(map(_is_loopback, hosts or _hosts(os.environ.get("PGHOST", ""))))
    if not is_local and _is_placeholder(unquote(_password(parts, query))):
        return "the password is a placeholder: choose one"
    mode = query.get("sslmode", [os.environ.get("PGSSLMODE", "")])[0]
    if not is_local and mode != _VERIFYING and not allow_plaintext:
        return (
            "PostgreSQL beyond loopback needs ?sslmode=verify-full&sslrootcert=FILE in the URL,"
            f" {_ALLOW}"
        )
    root = query.get("sslrootcert", [os.environ.get("PGSSLROOTCERT", _USUAL_ROOT)])[0]
    if mode == _VERIFYING and not _holds_certificates(str(Path(root).expanduser())):
        return "sslrootcert cannot be read, or holds no certificate in PEM"
    return None


def _password(parts: SplitResult, query: dict[str, list[str]]) -> str:
    """Return the URL's password; a password from elsewhere counts as no placeholder."""
    return parts.password or query.get("password", ["-"])[0]


def _holds_certificates(ca_file: str | None) -> bool:
    try:
        _context(ca_file)
    except OSError:
        return False
    return True


def _hosts(servers: str) -> Iterable[str]:
    """Yield the host names of comma-separated host:port."""
    for server in servers.split(","):
        if server.strip():
            yield urlsplit(f"//{server.strip()}").hostname or ""


def _is_loopback(host: str) -> bool:
    if host in {"", "localhost"} or host.lower().startswith("%2f"):
        return True  # %2f: the folder of a Unix socket
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_placeholder(password: str) -> bool:
    return "".join(filter(str.isalnum, password.lower())) in _PLACEHOLDERS
