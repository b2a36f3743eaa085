"""Asking the read API, for commands that show what it says."""

import http.client
import json
import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from schema.errors import EngagementError, Unavailable

_ANSWER_SECONDS: Final = 15.0
_PATIENCE_SECONDS: Final = 60.0


class Refused(EngagementError):  # noqa: N818  (named for what it is)
    """The service answered, and said no."""


def get_json(url: str, path: str, key: str | None, **parameters: Any) -> Any:
    """GET *path* of the service at *url* and read the JSON; raises what get_text does."""
    return json.loads(get_text(url, path, key, **parameters))


def get_text(url: str, path: str, key: str | None, **parameters: Any) -> str:
    """GET *path* of the service at *url*; parameters that are None are left out.

    Raises:
        Unavailable: it does not answer, or answers 5xx.
        Refused: it answers 4xx; the message is its detail.
    """
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    target = f"{path}?{query}" if query else path
    status, body, _ = _exchange(url, "GET", target, key)
    if status >= 500:
        raise Unavailable(f"{url}{path} answers HTTP {status}")
    if status != 200:
        raise Refused(f"{url}{path}: {_detail(body) or f'HTTP {status}'}")
    return body.decode()


def post_lines(url: str, path: str, key: str | None, lines: Sequence[bytes]) -> list[Any]:
    """POST NDJSON until it has an answer, and return the errors of the lines refused.

    Lines must mean the same when they are sent again: a lost answer is no answer.

    Raises:
        Unavailable: there was none for a minute.
        Refused: nothing of the kind may be sent with this key, or to this address.
    """
    body = b"\n".join(lines)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            status, answer, retry_after = _exchange(url, "POST", path, key, body)
        except Unavailable:
            status, answer, retry_after = 503, b"", 1.0
        errors = json.loads(answer).get("errors") if status in (200, 202, 207, 422) else None
        if errors is not None and not any(e["error"] == "unavailable" for e in errors):
            return list(errors)
        if status in (400, 401, 403, 404, 413, 415) or (status == 422 and errors is None):
            raise Refused(f"{url}{path}: {_detail(answer) or f'HTTP {status}'}")
        if time.monotonic() > deadline:
            raise Unavailable(f"{url}{path} answers HTTP {status}")
        time.sleep(retry_after)


def _exchange(
    url: str, method: str, target: str, key: str | None, body: bytes | None = None
) -> tuple[int, bytes, float]:
    """Return the status, the body and the seconds to wait. Raises Unavailable."""
    address = urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.netloc, timeout=_ANSWER_SECONDS)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body is not None:
        headers["Content-Type"] = "application/x-ndjson"
    try:
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        seconds = answer.headers.get("Retry-After", "1")
        return answer.status, answer.read(), float(seconds) if seconds.isdigit() else 1.0
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{url} does not answer: {type(error).__name__}") from error
    finally:
        connection.close()


def _detail(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return None
