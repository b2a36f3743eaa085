"""What a broker's Java process is started with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engage.embedded.java import java_command

BROKER_MAIN: Final = ("kafka.Kafka", "server.properties")
FLAGS: Final = (
    # Two cores and half a GB: the parallel collectors' threads cost more than they bring.
    "-XX:+UseSerialGC",
    # Out of memory is for the supervisor, which starts it again.
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    # The ahead-of-time cache is to hold classes only, no machine code of the CPU it was made on.
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-AOTAdapterCaching",
    "-XX:-AOTStubCaching",
    # What Kafka does with memory and native libraries, Java 25 warns of at each start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
    "-Djava.io.tmpdir=tmp",
    "-Dfile.encoding=UTF-8",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    # The metadata log's replay and each setting at INFO are most of a start's output.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller=warn",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
)


def broker_command(
    class_path: Sequence[Path], *, heap_mb: int, main: Sequence[str], extra: Sequence[str] = ()
) -> list[str]:
    """Return the command that runs *main* (a class and its arguments) on Kafka's jars.

    The flags must not differ between the run that makes the start-up cache and those that use
    it, but for *extra* and the heap's size.
    """
    joined = ":".join(str(path) for path in class_path)
    return [str(java_command()), f"-Xmx{heap_mb}m", *FLAGS, *extra, "-cp", joined, *main]
