"""The ledger of the read API."""

import asyncio
from datetime import datetime
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec

from schema.errors import SetupError, Unavailable

_MOST_PAUSES: Final = 60


class Totals(msgspec.Struct, frozen=True):
    """The ledger summed over the partitions. *in_flight* is None while Kafka is away."""

    stored: int
    duplicates: int
    dead_lettered: int
    in_flight: int | None
    is_balanced: bool

    def since(self, before: "Totals | None") -> "Totals":
        """Return the totals less those of an earlier moment; None: all of them."""
        if before is None:
            return self
        counts = ("stored", "duplicates", "dead_lettered")
        new = {name: getattr(self, name) - getattr(before, name) for name in counts}
        return msgspec.structs.replace(self, **new)


def summed(ledger: dict[str, Any]) -> Totals:
    partitions = ledger["partitions"]
    in_flight = [partition["in_flight"] for partition in partitions]
    return Totals(
        stored=sum(partition["stored"] for partition in partitions),
        duplicates=sum(partition["duplicates"] for partition in partitions),
        dead_lettered=sum(partition["dead_lettered"] for partition in partitions),
        in_flight=None if None in in_flight else sum(in_flight),
        is_balanced=ledger["balanced"],
    )


def open_reader(api_url: str, read_key: str | None) -> aiohttp.ClientSession:
    """Return a session for the read API; its relative URLs are those of the contract."""
    headers = {"Authorization": f"Bearer {read_key}"} if read_key else {}
    return aiohttp.ClientSession(
        api_url, headers=headers, timeout=aiohttp.ClientTimeout(total=10.0)
    )


class Answer(NamedTuple):
    content: Any
    as_of: datetime | None


async def ask(reader: aiohttp.ClientSession, path: str) -> dict[str, Any] | None:
    """Return the response of the read API; None for 404.

    Raises as ask_with_age() does.
    """
    answer = await ask_with_age(reader, path)
    return answer.content if answer else None


async def ask_with_age(reader: aiohttp.ClientSession, path: str) -> Answer | None:
    """Return the response of the read API and its Data-As-Of; None for 404.

    A 429 is retried after its Retry-After.

    Raises:
        Unavailable: the read API, or its database, does not answer; trying again may help.
        SetupError: the read key is rejected, or the URL is not that of a read API.
    """
    for _ in range(_MOST_PAUSES):
        try:
            async with reader.get(path) as reply:
                if reply.status != 429:
                    return await _parsed(reply)
                pause_seconds = int(reply.headers.get("Retry-After", 1))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"read API: {type(error).__name__}") from error
        await asyncio.sleep(pause_seconds)
    raise Unavailable("read API: HTTP 429")


async def _parsed(reply: aiohttp.ClientResponse) -> Answer | None:
    if reply.status >= 500:
        raise Unavailable(f"read API: HTTP {reply.status}")
    if reply.status == 404:
        return None
    if reply.status != 200:
        raise SetupError(f"the read API refuses to answer: HTTP {reply.status}")
    as_of = reply.headers.get("Data-As-Of")
    return Answer(await reply.json(), datetime.fromisoformat(as_of) if as_of else None)


async def fetch_totals(reader: aiohttp.ClientSession) -> Totals:
    """Read the ledger. Raises as ask() does."""
    ledger = await ask(reader, "/ops/ledger")
    if ledger is None:
        raise SetupError("this URL is not that of a read API: it has no /ops/ledger")
    return summed(ledger)


async def snapshot(api_url: str, read_key: str | None) -> Totals:
    async with open_reader(api_url, read_key) as reader:
        return await fetch_totals(reader)
