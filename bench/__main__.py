"""``make bench``: run scenarios on new servers, and print their results relative to their floors.

bench/results.json keeps the last results of each scenario.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from bench import (
    ages,
    archive,
    cpu,
    freshness,
    ingest,
    memory,
    page,
    reads,
    refresh,
    rollups,
    scale,
    search,
    servers,
    sink,
    start,
)
from bench.result import Result, show, write


class Scenario(NamedTuple):
    """A scenario with its number of events; --quick skips it if *quick_events* is None."""

    run: Callable[..., Awaitable[list[Result]]]
    events: int
    quick_events: int | None

    @property
    def description(self) -> str:
        """The docstring of the scenario's module."""
        return (__import__(self.run.__module__, fromlist=["run"]).__doc__ or "").strip()


SCENARIOS = {
    "sink": Scenario(sink.run, 500_000, 100_000),
    "ingest": Scenario(ingest.run, 300_000, 60_000),
    "cpu": Scenario(cpu.run, 300_000, 100_000),
    "freshness": Scenario(freshness.run, 0, 0),
    "memory": Scenario(memory.run, 5_000_000, 500_000),
    "start": Scenario(start.run, 0, 0),
    "reads": Scenario(reads.run, 5_000_000, None),
    "refresh": Scenario(refresh.run, 5_000_000, None),
    "scale": Scenario(scale.run, 400_000, 60_000),
    "ages": Scenario(ages.run, 500_000, None),
    "rollups": Scenario(rollups.run, 100_000, None),
    "archive": Scenario(archive.run, 500_000, 100_000),
    "search": Scenario(search.run, 1_000_000, None),
    "page": Scenario(page.run, 0, None),
}


async def run(names: Sequence[str], *, events: int | None, rounds: int, is_quick: bool) -> None:
    async with servers.servers() as found:
        for name in names:
            scenario = SCENARIOS[name]
            size = events or (is_quick and scenario.quick_events) or scenario.events
            began = time.monotonic()
            results = await scenario.run(found, events=size, rounds=rounds)
            show(scenario.description, results, seconds=time.monotonic() - began)
            write(name, results, is_quick=is_quick)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    listed = "\n".join(s.description.splitlines()[0] for s in SCENARIOS.values())
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=listed)
    parser.add_argument("--quick", action="store_true", help="run with fewer events, 2 rounds")
    parser.add_argument("--events", type=int, help="events of each run")
    parser.add_argument("--rounds", type=int, help="measurements per result; default 5")
    given = parser.parse_args()
    if unknown := set(given.scenarios) - set(SCENARIOS):
        parser.error(f"unknown scenario: {', '.join(sorted(unknown))}; use {', '.join(SCENARIOS)}")
    rounds = given.rounds or (2 if given.quick else 5)
    fit = [n for n, s in SCENARIOS.items() if not given.quick or s.quick_events is not None]
    names = given.scenarios or fit
    asyncio.run(run(names, events=given.events, rounds=rounds, is_quick=given.quick))


if __name__ == "__main__":
    main()
