"""Asking the read API, for commands that show what it says."""

import http.client
import json
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from schema.errors import EngagementError, Unavailable

_ANSWER_SECONDS: Final = 15.0


class Refused(EngagementError):  # noqa: N818  (named for what it is)
    """The service answered, and said no."""


def get_json(url: str, path: str, key: str | None, **parameters: Any) -> Any:
    """GET *path* of the service at *url*; parameters that are None are left out.

    Raises:
        Unavailable: it does not answer, or answers 5xx.
        Refused: it answers 4xx; the message is its detail.
    """
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    target = f"{path}?{query}" if query else path
    address = urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.netloc, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", target, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{url} does not answer: {type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status >= 500:
        raise Unavailable(f"{url}{path} answers HTTP {answer.status}")
    if answer.status != 200:
        raise Refused(f"{url}{path}: {_detail(body) or f'HTTP {answer.status}'}")
    return json.loads(body)


def _detail(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return None
