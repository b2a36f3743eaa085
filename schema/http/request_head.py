"""What the head of a request says, as ASGI hands it over: names in lower case, all in bytes."""

from collections.abc import Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from schema.http.problems import Problem

REQUEST_ID: Final = b"x-request-id"
LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def read(
    headers: Iterable[tuple[bytes, bytes]],
) -> tuple[int, bytes | None, str | None, bytes | None]:
    """Return the headers' size in bytes, and the first Authorization, Origin and X-Request-Id."""
    size = 0
    authorization = origin = request_id = None
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"authorization":
            authorization = authorization or value
        elif name == b"origin":
            origin = origin or value.decode("latin-1")
        elif name == REQUEST_ID:
            request_id = request_id or value
    return size, authorization, origin, request_id


def is_preflight(scope: MutableMapping[str, Any]) -> bool:
    """Tell whether a browser asks what another request may carry."""
    return (
        scope["method"] == "OPTIONS"
        and header(scope["headers"], b"access-control-request-method") is not None
    )


def refuse_strangers(
    headers: Iterable[tuple[bytes, bytes]], listed_origins: frozenset[str]
) -> None:
    """Let programs of this machine in, and no page of another site.

    Raises:
        Problem: the request names another host, or comes from a foreign origin.
    """
    host = (header(headers, b"host") or b"").decode("latin-1")
    try:
        is_loopback = urlsplit(f"//{host}").hostname in LOOPBACK_HOSTS
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise Problem(400, "foreign_host", "without keys only loopback names are answered")
    origin = header(headers, b"origin")
    if origin is None or origin.decode("latin-1") in listed_origins:
        return
    if origin.decode("latin-1") != f"http://{host}":
        raise Problem(403, "foreign_origin", "without keys only pages of this service may ask")


def query_key(query_string: bytes) -> bytes | None:
    """Return the query's key as an Authorization header would carry it."""
    # As text: of bytes, it takes no escapes beyond ASCII.
    given = parse_qs(query_string.decode("latin-1")).get("key", [])
    return b"Bearer " + given[0].encode() if len(given) == 1 else None


def header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes | None:
    """Return a header's first value."""
    for name, value in headers:
        if name == wanted:
            return value
    return None
