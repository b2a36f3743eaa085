"""``python -m refresher``: run the jobs until SIGTERM."""

import asyncio
import signal
import sys
from datetime import UTC
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from refresher.jobs import Refresher, rerun_when_clock_is_set_back
from refresher.settings import RefresherSettings
from runtime import garbage_collection
from runtime.logging import configure_logging, get_logger
from schema.errors import SetupError
from web.health import metrics_server

_KAFKA_SECONDS: Final = 3.0

logger = get_logger("refresher")


async def run(settings: RefresherSettings) -> None:
    """Run the jobs until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    refresher = Refresher(settings)
    scheduler = AsyncIOScheduler(timezone=UTC)
    refresher.schedule(scheduler)
    async with metrics_server(settings, refresher.not_ready):
        kafka = asyncio.create_task(refresher.health.follow_kafka())
        clock = asyncio.create_task(rerun_when_clock_is_set_back(scheduler))
        scheduler.start()
        logger.info("refresher started")
        await stopping.wait()
        scheduler.shutdown(wait=False)
        # Running jobs are cut off: each is a transaction, and the next start runs them all.
        refresher.close()
        clock.cancel()
        kafka.cancel()
        await asyncio.wait({kafka}, timeout=_KAFKA_SECONDS)
    logger.info("refresher stopped")


def main() -> int:
    """Run the refresher; the exit codes are those of the command line."""
    try:
        settings = RefresherSettings.load()
        configure_logging("refresher", settings.log_level)
        garbage_collection.settle()
        asyncio.run(run(settings))
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
