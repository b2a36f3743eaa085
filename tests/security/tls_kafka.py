"""A broker with SASL_SSL and SCRAM-SHA-512: a listener for each kind of certificate."""

from pathlib import Path

from engage.embedded import ports
from engage.embedded.kafka import KafkaServer
from engage.embedded.scram import USERNAME
from engage.embedded.warmup import Warmup
from tests.security.certificates import Authority, Kind, chain, pkcs8

USER = USERNAME


class SecureKafka(KafkaServer):
    """Its own port is in plain text, for the broker itself and as the server without TLS."""

    def __init__(self, folder: Path, authority: Authority, password: str) -> None:
        super().__init__(folder, port=ports.pick(), heap_mb=256)
        self._authority = authority
        self._password = password
        self._ports = {kind: ports.pick() for kind in Kind}

    def address(self, kind: Kind) -> str:
        return f"localhost:{self._ports[kind]}"

    def _prepare_folder(self, prepared: Warmup) -> None:
        super()._prepare_folder(prepared)
        path = self.folder / "server.properties"
        path.write_text(self._secured(path.read_text()))

    def _secured(self, settings: str) -> str:
        values = dict(line.split("=", 1) for line in settings.splitlines())
        names = {kind: kind.value.upper() for kind in Kind}
        for kind, name in names.items():
            listener = f",{name}://localhost:{self._ports[kind]}"
            values["listeners"] += listener
            values["advertised.listeners"] += listener
            values |= self._listener(f"listener.name.{name.lower()}", kind)
            values["listener.security.protocol.map"] += f",{name}:SASL_SSL"
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def _listener(self, prefix: str, kind: Kind) -> dict[str, str]:
        certificate = self._authority.issue(kind)
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return {
            f"{prefix}.ssl.keystore.type": "PEM",
            f"{prefix}.ssl.keystore.certificate.chain": _one_line(chain(certificate)),
            f"{prefix}.ssl.keystore.key": _one_line(pkcs8(certificate)),
            f"{prefix}.ssl.enabled.protocols": "TLSv1.2,TLSv1.3",
            f"{prefix}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            f"{prefix}.scram-sha-512.sasl.jaas.config": login,
        }


def _one_line(pem: str) -> str:
    return pem.strip().replace("\n", "\\n")
