"""A broker that lets clients in by SASL_SSL with SCRAM-SHA-512, one listener a certificate."""

import subprocess
from pathlib import Path

from engage.embedded import broker_settings, jars, ports
from engage.embedded.java import java_environment
from engage.embedded.jvm import broker_command
from engage.embedded.kafka import KafkaServer
from engage.embedded.warmup import Warmup
from tests.security.certificates import Authority, Kind, chain, pkcs8

USER = "engage"
_FORMAT_SECONDS = 60


class SecureKafka(KafkaServer):
    """Its own port stays in plain text: the broker's to itself, and the server that has no TLS."""

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
        self._format()

    def _format(self) -> None:
        """Make the storage anew, with the user in it."""
        data = self.folder / "data"
        for file in data.iterdir():
            file.unlink()
        self._cluster_id = broker_settings.new_id()
        scram = f"SCRAM-SHA-512=[name={USER},password={self._password}]"
        tool = ("kafka.tools.StorageTool", "format", "-c", "server.properties")
        main = (*tool, "-t", self._cluster_id, "--add-scram", scram)
        command = broker_command(jars.JarStore().class_path(), heap_mb=256, main=main)
        subprocess.run(
            command,
            cwd=self.folder,
            env=java_environment(),
            capture_output=True,
            timeout=_FORMAT_SECONDS,
            check=True,
        )

    def _secured(self, settings: str) -> str:
        values = dict(line.split("=", 1) for line in settings.splitlines())
        names = {kind: kind.value.upper() for kind in Kind}
        for kind, name in names.items():
            listener = f",{name}://localhost:{self._ports[kind]}"
            values["listeners"] += listener
            values["advertised.listeners"] += listener
            values |= self._listener(f"listener.name.{name.lower()}", kind)
        protocols = {"CONTROLLER": "PLAINTEXT", "PLAINTEXT": "PLAINTEXT"}
        protocols |= dict.fromkeys(names.values(), "SASL_SSL")
        values["listener.security.protocol.map"] = ",".join(map(":".join, protocols.items()))
        values["inter.broker.listener.name"] = "PLAINTEXT"
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
