"""POST findings to one address, signed as Standard Webhooks (standardwebhooks.com) wants it.

The address is the operator's setting and nothing else: no answer, event or report can change it,
and redirects are not followed.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from schema.errors import SetupError, Unavailable

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  (what secrets begin with)
_LEAST_SECRET_BYTES: Final = 24
_TRY_AGAIN: Final = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Webhook:
    """Where to, how signed, and how patiently.

    Attributes:
        secret: ``whsec_`` and base64 of at least 24 bytes.
        attempts: at most so many, with pauses of 1, 2, 4, … seconds between them.
    """

    url: str
    secret: str
    timeout_seconds: float = 5.0
    attempts: int = 3

    def send(
        self,
        event: str,
        data: Mapping[str, Any],
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        """POST once, as often as it takes: the receiver knows repeats by their webhook-id.

        Raises:
            Unavailable: no attempt was answered with 2xx.
        """
        moment = int(now())
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        body = json.dumps({"type": event, "timestamp": stamp, "data": data}).encode()
        number = f"msg_{uuid.uuid4().hex}"
        why = ""
        for attempt in range(self.attempts):
            if attempt:
                sleep(2.0 ** (attempt - 1))
            status, why = self._post(body, number, int(now()))
            if status is not None and 200 <= status < 300:
                return
            if status is not None and status < 500 and status not in _TRY_AGAIN:
                break
        raise Unavailable(f"the webhook was not delivered: {why}")

    def _post(self, body: bytes, number: str, moment: int) -> tuple[int | None, str]:
        address = urlsplit(self.url)
        is_safe = address.scheme == "https"
        kind = http.client.HTTPSConnection if is_safe else http.client.HTTPConnection
        connection = kind(address.netloc, timeout=self.timeout_seconds)
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "engagement-analytics",
            "webhook-id": number,
            "webhook-timestamp": str(moment),
            "webhook-signature": signature(self.secret, number, moment, body),
        }
        try:
            connection.request("POST", target, body=body, headers=headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return None, type(error).__name__
        finally:
            connection.close()
        return status, f"HTTP {status}"


def signature(secret: str, number: str, moment: int, body: bytes) -> str:
    """Return version 1 of the signature: HMAC-SHA256 of id, timestamp and body."""
    signed = f"{number}.{moment}.".encode() + body
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def key_of(secret: str) -> bytes:
    """Return the key in a secret. Raises SetupError for what is none."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) < _LEAST_SECRET_BYTES:
        raise SetupError(
            f"ENGAGE_WEBHOOK_SECRET: {SECRET_PREFIX} and base64 of at least"
            f" {_LEAST_SECRET_BYTES} bytes: echo {SECRET_PREFIX}$(openssl rand -base64 32)"
        )
    return key
