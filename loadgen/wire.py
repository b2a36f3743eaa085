"""Requests as bytes: how a batch is written for the ingest service."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_GZIP_LEVEL = 1  # the network is fast; what is saved beyond this costs more than it brings


class Format(StrEnum):
    """How events are put into a request."""

    SINGLE = "single"
    JSON = "json"
    NDJSON = "ndjson"


@dataclass(frozen=True)
class Wire:
    """How to write requests.

    Attributes:
        format: SINGLE sends each event on its own, the others send batches.
        is_compressed: send gzip.
    """

    format: Format = Format.JSON
    is_compressed: bool = False

    @property
    def path(self) -> str:
        """The path to post to."""
        return "/events" if self.format is Format.SINGLE else "/events/batch"

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say how the body is to be read."""
        is_ndjson = self.format is Format.NDJSON
        headers = {"Content-Type": "application/x-ndjson" if is_ndjson else "application/json"}
        if self.is_compressed:
            headers["Content-Encoding"] = "gzip"
        return headers

    def body(self, events: Sequence[bytes]) -> bytes:
        """Write events, each given as its JSON, as the body of one request."""
        if self.format is Format.JSON:
            plain = b"[" + b",".join(events) + b"]"
        else:
            plain = b"\n".join(events)
        return gzip.compress(plain, _GZIP_LEVEL, mtime=0) if self.is_compressed else plain
