"""cpu: CPU time per event of ingest and consumer, without Kafka and PostgreSQL.

Floor: a plain aiokafka producer and a plain COPY of the same events.
"""

import time
from collections.abc import Sequence

from bench.ingest import accepted, bodies_of, worker
from bench.result import Result, at_most
from bench.servers import Servers, cpu_seconds
from bench.sink import Case, consumed, consumers, copied
from bench.traffic import Encoded, Plain, encoded, plain, produce, records

_BATCH_EVENTS = 1_000


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    """Send batches to one worker, then let one consumer store them."""
    sample = records(events, 30)
    table, entries, bodies = plain(sample), encoded(sample), bodies_of(sample, _BATCH_EVENTS)
    ingest: list[float] = []
    consumer: list[float] = []
    floor: list[float] = []
    for _ in range(rounds):
        floor.append(await _floor(servers, table, entries))
        async with worker(servers) as running:
            before = cpu_seconds([running.pid])
            await accepted(running, bodies, _BATCH_EVENTS)
            used = cpu_seconds([running.pid]) - before
        ingest.append(1e6 * used / (len(bodies) * _BATCH_EVENTS))
        consumer.append(await _consumer(servers, table, running.topic, bodies))
    both = [sum(pair) for pair in zip(ingest, consumer, strict=True)]
    return [
        Result("ingest worker, batches of 1,000", "us/event", ingest, floor),
        Result("consumer", "us/event", consumer, floor),
        Result("both", "us/event", both, floor, at_most(15, 10)),
    ]


async def _floor(servers: Servers, table: Sequence[Plain], entries: Sequence[Encoded]) -> float:
    before = time.process_time()
    await produce(servers.bootstrap_servers, await servers.topic(), entries)
    await copied(servers, table)
    return 1e6 * (time.process_time() - before) / len(table)


async def _consumer(
    servers: Servers, table: Sequence[Plain], topic: str, bodies: Sequence[bytes]
) -> float:
    url = await servers.database(row[0].date() for row in table)
    case = Case("one consumer", topic, len(bodies) * _BATCH_EVENTS)
    async with consumers(servers, url, case) as pids:
        found = await consumed(url, case.records, pids)
    await servers.drop(url)
    return 1e6 * found.cpu_seconds / found.records
