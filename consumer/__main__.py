"""``python -m consumer``: join the group and store events until SIGTERM."""

import asyncio
import signal
import sys
from functools import partial

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from consumer.settings import ConsumerSettings
from consumer.watchdog import answers, until_stuck
from consumer.worker import Worker
from schema import collector, tracing
from schema.errors import SetupError
from schema.http.side_port import side_port
from schema.telemetry import configure_logging, get_logger
from schema.transport import kafka_arguments

logger = get_logger("consumer")
_RETRY_SECONDS = 1.0
_HUNG_SECONDS = 1.0
_FAREWELL_SECONDS = 5.0  # leaving the group and closing the side port
_FETCH_BYTES = 256 * 1024  # of a partition: more is memory, and no faster
_METADATA_SECONDS = 5  # how soon partitions added to the topic are noticed


def kafka_consumer(settings: ConsumerSettings) -> AIOKafkaConsumer:
    """Make the Kafka client. It never picks an offset itself: the offset rows do."""
    return AIOKafkaConsumer(
        **kafka_arguments(settings),
        client_id="engage-consumer",
        group_id=settings.consumer_group,
        group_instance_id=settings.consumer_instance_id,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        session_timeout_ms=int(settings.session_timeout_seconds * 1000),
        heartbeat_interval_ms=int(settings.session_timeout_seconds * 1000 / 6),
        rebalance_timeout_ms=int(settings.session_timeout_seconds * 2000),
        max_partition_fetch_bytes=_FETCH_BYTES,
        metadata_max_age_ms=_METADATA_SECONDS * 1000,
    )


async def run(settings: ConsumerSettings) -> int:
    """Run one consumer until SIGTERM or SIGINT; what it holds by then is written.

    Returns the exit code: 1 when it hung.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    kafka = kafka_consumer(settings)
    worker = Worker(settings, kafka)
    async with side_port(settings, worker.not_ready):
        is_stuck = False
        try:
            if await _start(kafka, stopping):
                logger.info("consumer started", group=settings.consumer_group)
                is_stuck = await _work(worker, settings, stopping)
        finally:
            await _leave(kafka)
    logger.info("consumer stopped")
    return int(is_stuck)


async def _work(worker: Worker, settings: ConsumerSettings, stopping: asyncio.Event) -> bool:
    """Let the worker work until it is to stop; whether that is because it hung."""
    working = asyncio.create_task(worker.run())
    stopped = asyncio.create_task(stopping.wait())
    kafka_answers = partial(answers, settings)
    stuck = asyncio.create_task(
        until_stuck(worker.silent_seconds, kafka_answers, settings.silence_limit_seconds)
    )
    await asyncio.wait({working, stopped, stuck}, return_when=asyncio.FIRST_COMPLETED)
    is_stuck = stuck.done()
    worker.stop()
    patience = settings.shutdown_timeout_seconds - _FAREWELL_SECONDS
    await asyncio.wait({working}, timeout=_HUNG_SECONDS if is_stuck else patience)
    for task in (stopped, stuck):
        task.cancel()
    if working.done():
        working.result()
    else:
        # What it holds is read again; waiting for a dead peer's clean-up could take for ever.
        logger.warning("stopped before all was written")
        worker.abandon()
        working.cancel()
        await asyncio.wait({working}, timeout=_HUNG_SECONDS)
    return is_stuck


async def _start(kafka: AIOKafkaConsumer, stopping: asyncio.Event) -> bool:
    """Start the client, waiting for Kafka as long as it takes. False: asked to stop."""
    stopped = asyncio.create_task(stopping.wait())
    while not stopping.is_set():
        starting = asyncio.create_task(kafka.start())
        # A broker that takes the connection and says nothing would hold a SIGTERM.
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return False
        try:
            starting.result()
        except KafkaError as error:
            logger.warning("Kafka is away", error=type(error).__name__)
            await asyncio.wait({stopped}, timeout=_RETRY_SECONDS)
        else:
            stopped.cancel()
            return True
    return False


async def _leave(kafka: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(3.0):
            await kafka.stop()
    except (KafkaError, TimeoutError) as error:
        logger.warning("left the group without a word", error=type(error).__name__)


def main() -> int:
    """Run the consumer; the exit codes are those of the command line."""
    try:
        settings = ConsumerSettings.load()
        if settings.tracing:
            tracing.start("consumer")
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    configure_logging("consumer", settings.log_level)
    collector.settle()
    try:
        import uvloop  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        return asyncio.run(run(settings))
    return uvloop.run(run(settings))


if __name__ == "__main__":
    sys.exit(main())
