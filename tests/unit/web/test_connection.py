"""Requests that the application gets from the bytes of a connection, and rejected ones."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.raw_http import Raw, connected
from tests.serving import served
from web.body import BODIES
from web.connection import MAX_FIELDS
from web.settings import HttpSettings

HOST = b"Host: engage\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
CLOSE = b"Connection: close\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what the application was given."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    fields = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
    echoed = {"path": scope["path"], "body": body.decode(), "headers": fields}
    reply = json.dumps(echoed).encode()
    start = [(b"content-length", b"%d" % len(reply))]
    await send({"type": "http.response.start", "status": 200, "headers": start})
    await send({"type": "http.response.body", "body": reply})


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with served(echo, HttpSettings(max_buffered_body_bytes=2_000_000)) as found:
        yield found


async def ask(url: str, *packets: bytes) -> list[tuple[int, dict[str, Any]]]:
    """Send the packets one by one; return the statuses and documents of all answers."""
    async with connected(url) as raw:
        for packet in packets:
            await raw.send(packet)
            await asyncio.sleep(0.005)  # so that each is read on its own
        return [(status, json.loads(body)) for status, _, body in await raw.answers()]


def post(path: str, body: bytes, *more: bytes) -> bytes:
    head = b"POST %b HTTP/1.1\r\n" % path.encode() + HOST + b"".join(more)
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [7, 60, 101, 10_000, None])
async def test_offers_to_upgrade_are_ignored_however_they_are_split(
    url: str, size: int | None
) -> None:
    requests = post("/first", b"one", UPGRADE) + post("/second", b"two", UPGRADE)
    requests += b"GET /third HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n"
    requests += (
        b"POST /fourth HTTP/1.1\r\n" + HOST + UPGRADE + CHUNKED + b"\r\n4\r\nfour\r\n0\r\n\r\n"
    )
    requests += post("/fifth", b"five", CLOSE)

    after_heads = re.split(rb"(?<=\r\n\r\n)", requests)
    answers = await ask(url, *(pieces(requests, size) if size else after_heads))

    assert [status for status, _ in answers] == [200] * 5
    assert [(echoed["path"], echoed["body"]) for _, echoed in answers] == [
        ("/first", "one"), ("/second", "two"), ("/third", ""), ("/fourth", "four"),
        ("/fifth", "five"),
    ]  # fmt: skip
    assert not any(name == "upgrade" for _, echoed in answers for name, _ in echoed["headers"])


@pytest.mark.parametrize("size", [60, 10_000])
async def test_trailers_are_ignored(url: str, size: int) -> None:
    chunked = b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n3\r\none\r\n0\r\n"
    trailers = b"Authorization: Bearer x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"

    answers = await ask(url, *pieces(chunked + trailers + post("/next", b"two", CLOSE), size))

    assert [echoed["body"] for _, echoed in answers] == ["one", "two"]
    names = {name for _, echoed in answers for name, _ in echoed["headers"]}
    assert names == {"host", "transfer-encoding", "content-length", "connection"}


GET = b"GET / HTTP/1.1\r\n" + HOST + CLOSE
FIELDS = b"".join(b"X-%d: a\r\n" % number for number in range(MAX_FIELDS - 2))
ENDLESS_TRAILERS = [
    b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n3\r\none\r\n0\r\n",
    *([b"X-A: " + b"a" * 30_000 + b"\r\n"] * 3),
]


TOO_LARGE = {
    "one field more": [GET + FIELDS + b"X: a\r\n\r\n"],
    "endless fields": pieces(GET + b"A: b\r\n" * 150, 500),
    "endless trailers": ENDLESS_TRAILERS,
    "a long field": [GET + b"X-A: " + b"a" * 200_000 + b"\r\n\r\n"],
    "an endless field": [GET + b"X-A: " + b"a" * 200_000],
}


@pytest.mark.parametrize("packets", TOO_LARGE.values(), ids=TOO_LARGE)
async def test_too_many_or_too_long_fields_are_rejected(url: str, packets: list[bytes]) -> None:
    [(status, document)] = await ask(url, *packets)

    assert (status, document["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("fields", [FIELDS, b"Accept: a/b;q=0.9, \x7f\r\n"], ids=["most", "DEL"])
async def test_as_many_fields_as_allowed_and_del_are_accepted(url: str, fields: bytes) -> None:
    [(status, _)] = await ask(url, GET + fields + b"\r\n")

    assert status == 200


async def test_target_of_100_kilobytes_is_rejected(url: str) -> None:
    [(status, document)] = await ask(url, b"GET /?" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST)

    assert (status, document["code"]) == (414, "target_too_long")
    assert "aaaa" not in str(document)


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [
        (b"1.1", (), 400),
        (b"1.1", (b"engage", b"engage"), 400),
        (b"1.1", (b"engage", b"other"), 400),
        (b"1.0", (b"engage", b"other"), 400),
        (b"1.1", (b"engage/path",), 400),
        (b"1.1", (b"user@engage",), 400),
        (b"1.1", (b"engage other",), 400),
        (b"1.1", (b"engage:80x",), 400),
        (b"1.1", (b"[::1]:8000",), 200),
        (b"1.1", (b"engage.example:8000",), 200),
        (b"1.1", (b"",), 200),
        (b"1.0", (), 200),
    ],
)
async def test_request_must_name_one_host(
    url: str, version: bytes, hosts: tuple[bytes, ...], status: int
) -> None:
    lines = b"".join(b"Host: %b\r\n" % host for host in hosts)
    [(answered, echoed)] = await ask(url, b"GET / HTTP/%b\r\n" % version + lines + CLOSE + b"\r\n")

    assert (answered, echoed.get("code")) == (
        status,
        "malformed_request" if status == 400 else None,
    )


async def unfinished(raw: Raw, *more: bytes, size: int, sent: int) -> None:
    """Send a request of which a part of the body is missing."""
    await raw.send(post("/", b"", CLOSE, *more).replace(b": 0", b": %d" % size) + b"a" * sent)


async def until_held(is_reached: Callable[[int], bool]) -> None:
    """Wait until the size of all buffered bodies is as expected."""
    async with asyncio.timeout(15):
        while not is_reached(BODIES.held_bytes):  # noqa: ASYNC110  (there is no event)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("expect", [b"100-continue", b"100-Continue"])
async def test_client_that_expects_100_gets_it(url: str, expect: bytes) -> None:
    async with connected(url) as raw:
        await unfinished(raw, b"Expect: " + expect + b"\r\n", size=3, sent=0)
        async with asyncio.timeout(15):
            assert await raw.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await raw.send(b"one")
        [(status, _, body)] = await raw.answers()

    assert (status, json.loads(body)["body"]) == (200, "one")


async def test_unfinished_bodies_beyond_the_limit_are_rejected_and_complete_ones_are_not(
    url: str,
) -> None:
    async with connected(url) as one, connected(url) as two:
        await unfinished(one, size=900_001, sent=900_000)
        await until_held(lambda size: size >= 900_000)
        await unfinished(two, size=900_001, sent=900_000)
        [(status, headers, body)] = await two.answers()
        assert (status, json.loads(body)["code"]) == (503, "too_many_bodies")
        assert int(headers["retry-after"]) >= 1
        assert BODIES.held_bytes <= 1_000_000 + 64 * 1024 * 4

        assert [status for status, _ in await ask(url, post("/", b"whole", CLOSE))] == [200]
        await one.send(b"a")
        assert [status for status, *_ in await one.answers()] == [200]
    await until_held(lambda size: size == 0)


async def test_bodies_of_clients_that_disconnect_are_not_counted(url: str) -> None:
    async with connected(url) as one:
        await unfinished(one, size=500_000, sent=400_000)
        await until_held(lambda size: size >= 400_000)
    await until_held(lambda size: size == 0)

    assert [status for status, _ in await ask(url, post("/", b"whole", CLOSE))] == [200]


AMBIGUOUS = {
    "length and chunks": ("Content-Length: 2", "Transfer-Encoding: chunked"),
    "chunks and length": ("Transfer-Encoding: chunked", "Content-Length: 2"),
    "two lengths": ("Content-Length: 2", "Content-Length: 20"),
    "two equal lengths": ("Content-Length: 2", "Content-Length: 2"),
    "a list of lengths": ("Content-Length: 2, 2",),
    "a signed length": ("Content-Length: +2",),
    "a negative length": ("Content-Length: -2",),
    "a hexadecimal length": ("Content-Length: 0x2",),
    "a length past 64 bits": ("Content-Length: 18446744073709551618",),
    "a length that ends in DEL": ("Content-Length: 2\x7f",),
    "another coding": ("Transfer-Encoding: gzip",),
    "a coding that ends in DEL": ("Transfer-Encoding: chunked\x7f",),
    "a space before the colon": ("Content-Length : 2",),
    "a folded header": ("Transfer-Encoding:\r\n chunked",),
    "a NUL": ("X-A: a\x00b",),
    "a bare CR": ("X-A: a\rContent-Length: 2",),
}
BAD_CHUNKS = {
    "no size": b"zz\r\n{}\r\n0\r\n\r\n",
    "a size past 64 bits": b"fffffffffffffffff\r\n{}",
    "a negative size": b"-2\r\n{}\r\n0\r\n\r\n",
    "no end of the chunk": b"2\r\n{}XX0\r\n\r\n",
    "bare line feeds": b"2\n{}\n0\n\n",
}
MALFORMED = {name: (fields, b"{}") for name, fields in AMBIGUOUS.items()} | {
    name: (("Transfer-Encoding: chunked",), chunks) for name, chunks in BAD_CHUNKS.items()
}


@pytest.mark.parametrize(("fields", "body"), MALFORMED.values(), ids=MALFORMED)
async def test_ambiguous_request_is_rejected_and_nothing_after_it_is_read(
    url: str, fields: tuple[str, ...], body: bytes
) -> None:
    head = b"POST / HTTP/1.1\r\n" + HOST + "\r\n".join(fields).encode() + b"\r\n\r\n"
    async with connected(url) as raw:
        await raw.send(head + body + post("/smuggled", b"x"))
        [(status, headers, document)] = await raw.answers()

    assert (status, json.loads(document)["code"]) == (400, "malformed_request")
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
