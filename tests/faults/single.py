"""One consumer process on a topic and a database of its own, as the fixture `log` has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.consumer.conftest import Pipeline
from tests.processes import Process, process


@contextmanager
def consuming(log: Pipeline, folder: Path, name: str = "consumer") -> Iterator[Process]:
    settings = log.settings
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "DATABASE_ROLE": "engage_consumer",
        "TOPIC": settings.topic,
        "CONSUMER_GROUP": settings.consumer_group,
        "SESSION_TIMEOUT_SECONDS": "3",
    }
    with process("consumer", folder, variables, name) as running:
        yield running


async def halt_of(log: Pipeline, partition: int) -> tuple[str | None, str | None]:
    """Return why a partition is halted, and the facts."""
    row = await log.connection.fetchrow(
        "SELECT halt_reason, halt_detail FROM consumer_offsets WHERE partition = $1", partition
    )
    return (None, None) if row is None else (row[0], row[1])
