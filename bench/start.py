"""start: seconds until `engage up` is ready, with everything downloaded before.

Floor: Kafka and PostgreSQL alone, with new data.
"""

import tempfile
import time

from bench import servers as module
from bench.result import Result, at_most
from bench.servers import Servers, engage, up


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:  # noqa: ARG001
    new: list[float] = []
    again: list[float] = []
    floor: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        async with module.servers():
            floor.append(time.perf_counter() - began)
        with tempfile.TemporaryDirectory(prefix="engage-bench-") as folder:
            for seen in (new, again):
                began = time.perf_counter()
                await up(folder)
                seen.append(time.perf_counter() - began)
                await engage("down", "--dir", folder)
    return [
        Result("engage up, a new folder", "s", new, floor, at_most(8, 5)),
        Result("engage up, the same again", "s", again, floor, at_most(8, 5)),
    ]
