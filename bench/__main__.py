"""``python -m bench [SCENARIO ...]``: run scenarios on servers of their own and print ratios."""

import argparse
import asyncio
from types import ModuleType

from bench import ages, ingest, reads, refresh, rollups, servers, sink, table

SCENARIOS: dict[str, ModuleType] = {
    "ages": ages,
    "ingest": ingest,
    "reads": reads,
    "refresh": refresh,
    "rollups": rollups,
    "sink": sink,
}


async def run(names: list[str], *, events: int, rounds: int) -> None:
    """Run the scenarios one after the other."""
    async with servers.servers() as found:
        for name in names:
            module = SCENARIOS[name]
            results = await module.run(found, events=events, rounds=rounds)
            table.show((module.__doc__ or name).strip(), results)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--events", type=int, default=100_000, help="events a run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each line")
    given = parser.parse_args()
    if unknown := set(given.scenarios) - set(SCENARIOS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    names = given.scenarios or list(SCENARIOS)
    asyncio.run(run(names, events=given.events, rounds=given.rounds))


if __name__ == "__main__":
    main()
