"""Responses of reports: JSON, CSV or SQL, with ETag and Data-As-Of, or 304."""

import csv
import io
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Generic, NamedTuple, TypeVar

from fastapi import Request
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from analytics_api import script
from analytics_api.cache import CachedResponse, ReportCache
from analytics_api.versions import Version
from web.compression import accepts_gzip
from web.problems import Problem, database_unavailable

LIVE: Final = "private, no-cache"
MIN_COMPRESSED_BYTES: Final = 500
"""Smaller bodies are sent as they are."""
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_JSON: Final[TypeAdapter[Any]] = TypeAdapter(Any)
_ETAG: Final = re.compile(r'(?:W/)?("[^"]*")')


Row = TypeVar("Row")


class Page(NamedTuple, Generic[Row]):
    """One page of rows, and the `after` parameter of the next one; None: it is the last."""

    rows: Sequence[Row]
    next_page: str | None


Found = BaseModel | Sequence[BaseModel] | Page[Any] | str
"""Result of a report; a string is the text of another format."""
_MEDIA_TYPES: Final = {"json": "application/json", "csv": "text/csv", "sql": "application/sql"}


class Representation:
    """A report in the requested format, of the newest version of the data.

    Attributes:
        format: json, csv, sql or an export of the report.
        queries: add those that were run, for ``format=sql``.

    Args:
        request: the request.
        version: of the data; None while PostgreSQL does not answer.
        cache_control: the header's value.
        parameters: on which the response depends, beyond the path and the version.
        exports: media types of further formats.
        export: the format that the path demands.

    Raises:
        Problem: 503 without a version, 422 for an unknown format.
    """

    def __init__(
        self,
        request: Request,
        version: Version | None,
        cache_control: str,
        *parameters: object,
        exports: Mapping[str, str] | None = None,
        export: str | None = None,
    ) -> None:
        if version is None:
            raise database_unavailable("PostgreSQL does not answer")
        self._request, self._as_of = request, version.as_of
        self._cache_control = cache_control
        media_types = {**_MEDIA_TYPES, **(exports or {})}
        self.format = export or _format_of(request, media_types)
        self.queries: list[script.BoundQuery] = []
        self._etag = version.etag(request.url.path, *parameters, self.format)
        self._media_type = media_types[self.format]
        self._file_name = None if self.format == "json" else f"report.{self.format}"

    def not_modified(self) -> Response | None:
        """Return 304 if the client has the newest response."""
        return self._not_modified(self._headers(self._etag, self._as_of))

    def response(self, found: Found) -> Response:
        """Return the response of a report that is not cached."""
        return self._response(self._computed(found))

    async def cached_response(
        self, cache: ReportCache, compute: Callable[[], Awaitable[Found]]
    ) -> Response:
        """Return the newest response, or a stale one while *compute* revalidates it."""

        async def computed() -> CachedResponse:
            return self._computed(await compute())

        query = tuple(sorted(self._request.query_params.multi_items()))
        key = self._request.url.path, query, self.format
        cached = await cache.get(key, self._etag, self._as_of, computed)
        if cached.etag != self._etag:
            headers = self._headers(cached.etag, cached.as_of)
            if not_modified := self._not_modified(headers):
                return not_modified
        return self._response(cached)

    def _headers(self, etag: str, as_of: datetime) -> dict[str, str]:
        headers = {
            "ETag": etag,
            "Cache-Control": self._cache_control,
            "Data-As-Of": _rfc3339(as_of),
            "Vary": "Accept, Accept-Encoding, Authorization",
        }
        if self._file_name is not None:
            headers["Content-Disposition"] = f"attachment; filename={self._file_name}"
        return headers

    def _not_modified(self, headers: Mapping[str, str]) -> Response | None:
        known = self._request.headers.get("if-none-match", "")
        if known.strip() == "*" or headers["ETag"] in _ETAG.findall(known):
            return Response(status_code=304, headers=headers)
        return None

    def _computed(self, found: Found) -> CachedResponse:
        next_page = found.next_page if isinstance(found, Page) else None
        body = self._body(found.rows if isinstance(found, Page) else found)
        return CachedResponse(body, self._etag, self._as_of, next_page)

    def _body(self, found: BaseModel | Sequence[BaseModel] | str) -> bytes:
        if isinstance(found, str):
            return found.encode()
        if self.format == "json":
            return _JSON.dump_json(found)
        if self.format == "csv":
            return to_csv([found] if isinstance(found, BaseModel) else found).encode()
        if not self.queries:
            raise Problem(422, "invalid_parameter", "format: json or csv; there is no SQL script")
        return script.render(self.queries).encode()

    def _response(self, cached: CachedResponse) -> Response:
        headers = self._headers(cached.etag, cached.as_of)
        if cached.next_page:
            url = self._request.url.include_query_params(after=cached.next_page)
            headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        accepted = self._request.headers.get("accept-encoding", "")
        if len(cached.body) < MIN_COMPRESSED_BYTES or not accepts_gzip(accepted):
            return Response(cached.body, 200, headers, self._media_type)
        headers["Content-Encoding"] = "gzip"
        return Response(cached.compressed, 200, headers, self._media_type)


def to_csv(rows: Sequence[BaseModel]) -> str:
    """Return rows as RFC 4180; cells that a spreadsheet would run as formulas get a quote mark."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for number, row in enumerate(rows):
        cells = dict(_flat("", row.model_dump(mode="json")))
        if number == 0:
            writer.writerow(cells)
        writer.writerow(map(_cell, cells.values()))
    return text.getvalue()


def _flat(prefix: str, fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield columns; those of a nested model are prefixed with its name, lists are left out."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}_", value)
        elif not isinstance(value, list):
            yield prefix + name, value


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def _format_of(request: Request, known: Mapping[str, str]) -> str:
    wanted = request.query_params.get("format")
    if wanted is not None:
        if wanted not in known:
            raise Problem(422, "invalid_parameter", f"format: {', '.join(known)}")
        return wanted
    is_csv = request.headers.get("accept", "").lower().startswith("text/csv")
    return "csv" if is_csv else "json"


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
