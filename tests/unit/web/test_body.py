import asyncio
import gzip
from typing import Any

import pytest

from web import body
from web.problems import Problem, unavailable

LIMIT = 1000
JSON_TYPES = [
    b"application/json",
    b"application/json; charset=utf-8",
    b"application/json;charset=UTF-8",
    b"application/json; charset=utf8",
    b'application/json; charset="utf-8"',
    b'Application/JSON ; profile="a;b=\\"c"; charset=UTF8; odata.metadata=none',
    b"application/json; version=1; charset=us-ascii",
    b"application/json;",
    b"\tapplication/json; ; charset=utf-8",
]
NDJSON_TYPES = [
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonlines",
    b"application/json-lines; charset=utf-8",
]
OTHER_TYPES = [
    b"",
    b"text/plain",
    b"application/json, text/plain",
    b"application/json; charset=latin-1",
    b"application/json; charset=utf-8; charset=utf-16",
    b"application/json; charset",
    b'application/json; charset="utf-8',
    b"application/jsonp",
    b"application/x-www-form-urlencoded",
    b"application/json" + b" " * 9000,
]
PACKED = gzip.compress(b"a" * 900, mtime=0)  # equal in each process: it names tests


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [*((each, body.JSON) for each in JSON_TYPES), *((each, body.NDJSON) for each in NDJSON_TYPES)],
)
def test_media_type_is_recognised_with_any_legal_parameters(
    content_type: bytes, media_type: str
) -> None:
    assert body.require_media_type(content_type, body.JSON, body.NDJSON) == media_type


@pytest.mark.parametrize("content_type", OTHER_TYPES)
def test_media_type_is_rejected_when_it_is_another_or_not_utf_8(content_type: bytes) -> None:
    with pytest.raises(Problem) as caught:
        body.require_media_type(content_type, body.JSON, body.NDJSON)
    assert (caught.value.status, caught.value.code) == (415, "unsupported_media_type")


async def read(raw: bytes, *codings: bytes, hold: Any = None, parts: int = 3) -> bytes:
    scope: dict[str, Any] = {"headers": [(b"content-encoding", coding) for coding in codings]}
    if hold is not None:
        scope["extensions"] = {body.HOLD_EXTENSION: hold}
    size = -(-len(raw) // parts)
    chunks = [raw[at : at + size] for at in range(0, len(raw), size)]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async with asyncio.timeout(5):
        return await body.read_encoded_body(scope, receive, LIMIT)


@pytest.mark.parametrize(
    ("raw", "codings"),
    [
        (b"a" * 900, ()),
        (b"a" * 900, (b"Identity",)),
        (b"a" * 900, (b"",)),
        (b"a" * 900, (b"identity, identity",)),
        (PACKED, (b"gzip",)),
        (PACKED, (b"x-gzip",)),
        (PACKED, (b"GZip",)),
        (PACKED, (b"gzip", b"")),
        (PACKED, (b"identity, X-GZIP",)),
    ],
)
async def test_body_is_inflated_under_each_name_of_gzip(
    raw: bytes, codings: tuple[bytes, ...]
) -> None:
    assert await read(raw, *codings) == b"a" * 900


@pytest.mark.parametrize(
    ("raw", "codings", "status", "code"),
    [
        *(
            (PACKED, codings, 415, "unsupported_encoding")
            for codings in [(b"br",), (b"gzip, gzip",), (b"gzip", b"gzip"), (b"gzi",)]
        ),
        (b"a" * (LIMIT + 1), (), 413, "body_too_large"),
    ],
)
async def test_body_is_rejected_when_its_coding_is_another_or_it_grows_beyond_the_limit(
    raw: bytes, codings: tuple[bytes, ...], status: int, code: str
) -> None:
    with pytest.raises(Problem) as caught:
        await read(raw, *codings)
    assert (caught.value.status, caught.value.code) == (status, code)


async def test_inflated_bytes_are_counted_and_rejected_when_there_is_no_room() -> None:
    held: list[int] = []
    assert await read(PACKED, b"gzip", hold=held.append) == b"a" * 900
    assert held == [900]

    def reject(_size: int) -> None:
        raise unavailable("too_many_bodies", "full")

    with pytest.raises(Problem) as caught:
        await read(PACKED, b"gzip", hold=reject)
    assert caught.value.status == 503
    assert await read(b"plain", hold=reject) == b"plain"
