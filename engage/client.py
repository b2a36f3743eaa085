"""HTTP requests of commands: to the project's services, and to webhooks."""

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from schema.errors import EngagementError, Unavailable

_TIMEOUT_SECONDS: Final = 15.0
_RETRY_SECONDS: Final = 60.0
# Responses whose detail is about the request's parameters: its URL would not help.
_ABOUT_PARAMETERS: Final = frozenset({400, 404, 422})


class RequestRejected(EngagementError):  # noqa: N818  (named for what is wrong)
    """A service rejected the request. The message is its detail, *status* its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """The detail of a problem document, else the status."""
        try:
            return str(json.loads(self.body)["detail"])
        except (ValueError, KeyError, TypeError):
            return f"HTTP {self.status}"


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> Response:
    """Send one request. Redirects are not followed. Raises Unavailable."""
    address = urlsplit(url)
    is_tls = address.scheme == "https"
    kind = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
    connection = kind(address.netloc, timeout=timeout_seconds)
    target = address._replace(scheme="", netloc="", path=address.path or "/").geturl()
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        found = connection.getresponse()
        return Response(found.status, found.headers, found.read())  # type: ignore[arg-type]
    except (OSError, http.client.HTTPException) as error:
        origin = f"{address.scheme}://{address.netloc}"
        raise Unavailable(f"{origin} does not respond: {type(error).__name__}") from error
    finally:
        connection.close()


def get(
    url: str,
    key: str | None = None,
    *,
    timeout_seconds: float = _TIMEOUT_SECONDS,
    **parameters: Any,
) -> Response:
    """GET a URL of a service, with the parameters that are not None.

    Raises:
        Unavailable: it does not respond, or responds with 5xx.
        RequestRejected: it responds with 4xx.
    """
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    target = f"{url}?{query}" if query else url
    response = send("GET", target, headers=_authorization(key), timeout_seconds=timeout_seconds)
    if response.status >= 500:
        raise Unavailable(f"{url} responds with HTTP {response.status}")
    if response.status in _ABOUT_PARAMETERS:
        raise RequestRejected(response.detail, response.status)
    if response.status != 200:
        raise RequestRejected(f"{url}: {response.detail}", response.status)
    return response


def post_lines(url: str, key: str | None, lines: Sequence[bytes]) -> list[Any]:
    """POST NDJSON until the service has processed it, and return the errors of rejected lines.

    The lines must be idempotent: a request without a response is sent again.

    Raises:
        Unavailable: the service did not process them within a minute.
        RequestRejected: the service rejects the whole request, for example its key.
    """
    return _post(url, key, b"\n".join(lines), "application/x-ndjson")


def post_array(url: str, key: str | None, elements: Sequence[bytes]) -> list[Any]:
    """POST a JSON array, in all else like ``post_lines``."""
    return _post(url, key, b"[%b]" % b",".join(elements), "application/json")


def _post(url: str, key: str | None, body: bytes, media_type: str) -> list[Any]:
    headers = _authorization(key) | {"Content-Type": media_type}
    give_up = time.monotonic() + _RETRY_SECONDS
    while True:
        try:
            response = send("POST", url, headers=headers, body=body)
        except Unavailable:
            response = Response(503, {}, b"")
        status = response.status
        errors = json.loads(response.body).get("errors") if status in (200, 202, 207, 422) else None
        if errors is not None and not any(e["error"] == "unavailable" for e in errors):
            return list(errors)
        if status in (400, 401, 403, 404, 413, 415) or (status == 422 and errors is None):
            raise RequestRejected(f"{url}: {response.detail}", status)
        if time.monotonic() > give_up:
            raise Unavailable(f"{url} responds with HTTP {status}")
        seconds = response.headers.get("Retry-After", "1")
        time.sleep(float(seconds) if seconds.isdigit() else 1.0)


def _authorization(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}
