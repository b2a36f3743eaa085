"""``python -m analytics_api.refresher``: run the jobs until SIGTERM."""

import asyncio
import signal
import sys
from datetime import UTC
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from analytics_api.refresher.clock import run_when_set_back
from analytics_api.refresher.jobs import Refresher
from analytics_api.settings import RefresherSettings
from schema import collector
from schema.errors import SetupError
from schema.http.side_port import side_port
from schema.telemetry import configure_logging, get_logger

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
    async with side_port(settings, refresher.not_ready):
        following = asyncio.create_task(refresher.follow_the_log())
        clock = asyncio.create_task(run_when_set_back(scheduler))
        scheduler.start()
        logger.info("refresher started")
        await stopping.wait()
        scheduler.shutdown(wait=False)
        # What runs is cut short: each job is a transaction, and the next start runs them all.
        refresher.close()
        clock.cancel()
        following.cancel()
        await asyncio.wait({following}, timeout=_KAFKA_SECONDS)
    logger.info("refresher stopped")


def main() -> int:
    """Run the refresher; the exit codes are those of the command line."""
    try:
        settings = RefresherSettings.load()
        configure_logging("refresher", settings.log_level)
        collector.settle()
        asyncio.run(run(settings))
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
