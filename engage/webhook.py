"""POST alerts to one URL, signed as Standard Webhooks (standardwebhooks.com) specifies.

The URL is the operator's setting: no response, event or report changes it, and redirects are not
followed.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engage.client import send
from schema.errors import SetupError, Unavailable

SECRET_PREFIX: Final = "whsec_"  # noqa: S105
_MIN_SECRET_BYTES: Final = 24
_RETRIABLE: Final = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Webhook:
    """The receiver of alerts.

    Attributes:
        secret: ``whsec_`` and base64 of at least 24 bytes.
        attempts: maximum number of attempts, with pauses of 1, 2, 4, … seconds between them.
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
        """POST an event. Each attempt has the same webhook-id, by which the receiver drops repeats.

        Raises:
            Unavailable: no attempt got a 2xx response.
        """
        moment = int(now())
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        body = json.dumps({"type": event, "timestamp": stamp, "data": data}).encode()
        message_id = f"msg_{uuid.uuid4().hex}"
        why = ""
        for attempt in range(self.attempts):
            if attempt:
                sleep(2.0 ** (attempt - 1))
            status, why = self._post(body, message_id, int(now()))
            if status is not None and 200 <= status < 300:
                return
            if status is not None and status < 500 and status not in _RETRIABLE:
                break
        raise Unavailable(f"the webhook was not delivered: {why}")

    def _post(self, body: bytes, message_id: str, moment: int) -> tuple[int | None, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "engagement-analytics",
            "webhook-id": message_id,
            "webhook-timestamp": str(moment),
            "webhook-signature": signature(self.secret, message_id, moment, body),
        }
        try:
            status = send(
                "POST", self.url, headers=headers, body=body, timeout_seconds=self.timeout_seconds
            ).status
        except Unavailable as error:
            return None, str(error)
        return status, f"HTTP {status}"


def signature(secret: str, message_id: str, moment: int, body: bytes) -> str:
    """Return version 1 of the signature: HMAC-SHA256 of id, timestamp and body."""
    signed = f"{message_id}.{moment}.".encode() + body
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def key_of(secret: str) -> bytes:
    """Return the key in a secret. Raises SetupError when the secret is invalid."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) < _MIN_SECRET_BYTES:
        raise SetupError(
            f"ENGAGE_WEBHOOK_SECRET must be {SECRET_PREFIX} and base64 of at least"
            f" {_MIN_SECRET_BYTES} bytes: create one with"
            f" `echo {SECRET_PREFIX}$(openssl rand -base64 32)`"
        )
    return key
