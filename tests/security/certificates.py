"""Certificates of a test CA: valid ones, and each kind of invalid one."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

_NAMES = ("localhost", "127.0.0.1")


class Kind(StrEnum):
    """The certificate of a server."""

    RIGHT = "right"
    WRONG_HOST = "wrong_host"
    EXPIRED = "expired"
    UNKNOWN_CA = "unknown_ca"


@dataclass(frozen=True)
class Authority:
    """A CA; clients are given its file."""

    ca: trustme.CA
    ca_file: Path

    @classmethod
    def made(cls, folder: Path) -> "Authority":
        ca = trustme.CA()
        ca_file = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(ca_file))
        return cls(ca, ca_file)

    def issue(self, kind: Kind) -> trustme.LeafCert:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        if kind is Kind.WRONG_HOST:
            return self.ca.issue_cert("elsewhere.example")
        if kind is Kind.EXPIRED:
            since = yesterday - timedelta(days=1)
            return self.ca.issue_cert(*_NAMES, not_before=since, not_after=yesterday)
        return (trustme.CA() if kind is Kind.UNKNOWN_CA else self.ca).issue_cert(*_NAMES)


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def pkcs8(certificate: trustme.LeafCert) -> str:
    """Return the private key in the only form that Kafka reads."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def chain(certificate: trustme.LeafCert) -> str:
    return "".join(part.bytes().decode() for part in certificate.cert_chain_pems)
