"""``python -m consumer``: join the group and store events until SIGTERM."""

import asyncio
import signal
import sys
from functools import partial

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from consumer import record_batches
from consumer.loop import Worker
from consumer.settings import ConsumerSettings
from consumer.watchdog import is_kafka_reachable, wait_until_stalled
from runtime import garbage_collection, tracing
from runtime.logging import configure_logging, get_logger
from runtime.transport import kafka_arguments
from schema.errors import SetupError
from web.health import metrics_server

logger = get_logger("consumer")
_RETRY_SECONDS = 1.0
_STALLED_SECONDS = 1.0  # for a stalled worker to stop
_CLEANUP_SECONDS = 5.0  # for leaving the group and closing the metrics port
_FETCH_BYTES = 256 * 1024  # of a partition; more needs memory and is not faster
_METADATA_SECONDS = 5  # until added partitions are noticed


def kafka_consumer(settings: ConsumerSettings) -> AIOKafkaConsumer:
    """Return the Kafka client. Its positions are those of the offset rows, never its own."""
    record_batches.install()
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
    """Run a consumer until SIGTERM or SIGINT, then write what it has read.

    Returns the exit code: 1 if the consumer stalled.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    kafka = kafka_consumer(settings)
    worker = Worker(settings, kafka)
    async with metrics_server(settings, worker.not_ready):
        is_stalled = False
        try:
            if await _start(kafka, stopping):
                logger.info("consumer started", group=settings.consumer_group)
                is_stalled = await _run_worker(worker, settings, stopping)
        finally:
            await _stop(kafka)
    logger.info("consumer stopped")
    return int(is_stalled)


async def _start(kafka: AIOKafkaConsumer, stopping: asyncio.Event) -> bool:
    """Start the client, however long Kafka is away. Return False if stopped before."""
    stopped = asyncio.create_task(stopping.wait())
    while not stopping.is_set():
        starting = asyncio.create_task(kafka.start())
        # A broker that accepts the connection and never responds must not delay SIGTERM.
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


async def _run_worker(worker: Worker, settings: ConsumerSettings, stopping: asyncio.Event) -> bool:
    """Run the worker until it is to stop. Return whether that is because it stalled."""
    working = asyncio.create_task(worker.run())
    stopped = asyncio.create_task(stopping.wait())
    stalled = asyncio.create_task(
        wait_until_stalled(
            worker.seconds_without_progress,
            partial(is_kafka_reachable, settings),
            settings.stall_timeout_seconds,
        )
    )
    await asyncio.wait({working, stopped, stalled}, return_when=asyncio.FIRST_COMPLETED)
    is_stalled = stalled.done()
    worker.stop()
    timeout = settings.shutdown_timeout_seconds - _CLEANUP_SECONDS
    await asyncio.wait({working}, timeout=_STALLED_SECONDS if is_stalled else timeout)
    for task in (stopped, stalled):
        task.cancel()
    if working.done():
        working.result()
    else:
        # What it read is consumed again; a graceful close could wait for a dead peer forever.
        logger.warning("stopped before everything was written")
        worker.terminate()
        working.cancel()
        await asyncio.wait({working}, timeout=_STALLED_SECONDS)
    return is_stalled


async def _stop(kafka: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(3.0):
            await kafka.stop()
    except (KafkaError, TimeoutError) as error:
        logger.warning("could not leave the consumer group", error=type(error).__name__)


def main() -> int:
    """Run the consumer, and return the exit code."""
    try:
        settings = ConsumerSettings.load()
        if settings.tracing:
            tracing.start("consumer")
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    configure_logging("consumer", settings.log_level)
    garbage_collection.settle()
    try:
        import uvloop  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        return asyncio.run(run(settings))
    return uvloop.run(run(settings))


if __name__ == "__main__":
    sys.exit(main())
