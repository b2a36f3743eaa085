"""How a report is answered: 304 while nothing changed, else in a format, and always its age."""

import csv
import io
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, Self, get_args

from fastapi import Request
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from analytics_api.answering import script
from analytics_api.answering.again import again_of
from analytics_api.answering.cache import Kept
from analytics_api.answering.questions import Questions, Tagged
from analytics_api.answering.versions import Version
from schema.http.problems import Problem, unavailable

LIVE: Final = "private, no-cache"
VIEW: Final = "private, max-age=2"
SLOW: Final = "private, max-age=60"
"""Of what is dear to compute and changes little within a minute."""
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_JSON: Final[TypeAdapter[Any]] = TypeAdapter(Any)
_ETAG: Final = re.compile(r'(?:W/)?("[^"]*")')


class Paged(NamedTuple):
    """One page of rows, and what ``after`` is for the next one; None: there is none."""

    rows: Sequence[BaseModel]
    following: str | None


Found = BaseModel | Sequence[BaseModel] | Paged | str
"""What is told; a text is a file of another kind."""
Format = Literal["json", "csv", "sql"]
_MEDIA_TYPES: Final[dict[Format, str]] = {
    "json": "application/json",
    "csv": "text/csv",
    "sql": "application/sql",
}


class Answer:
    """One request for a report, held against the version of the data it is about.

    Args:
        request: the request.
        version: of the data; None while PostgreSQL is away.
        cache_control: LIVE, VIEW or SLOW. Of VIEW and SLOW an older answer may be told, if it is
            dear or of the same data.
        query: what distinguishes this question from others about the same data.

    Where the script is asked for, what is asked from now on is noted.

    Raises:
        Problem: 503 while there is no version, 422 for a format that there is not.
    """

    def __init__(
        self, request: Request, version: Version | None, cache_control: str, *query: object
    ) -> None:
        if version is None:
            raise unavailable("PostgreSQL does not answer")
        self._request, self._data = request, version.label
        self._format = _format_of(request)
        self._notes = script.begin() if self._format == "sql" else []
        self._etag = version.etag(request.url.path, *query, self._format)
        self._headers = {
            "ETag": self._etag,
            "Cache-Control": cache_control,
            "Data-As-Of": _rfc3339(version.as_of),
            "Vary": "Accept, Authorization",
        }
        self._may_be_older = cache_control != LIVE
        self._media_type = _MEDIA_TYPES[self._format]
        if self._format != "json":
            self.as_file(self._media_type, f"report.{self._format}")

    @property
    def is_csv(self) -> bool:
        """Whether a table is asked for."""
        return self._format == "csv"

    @property
    def unchanged(self) -> Response | None:
        """The 304, if the client has this very answer."""
        return self._unchanged(self._headers)

    def _unchanged(self, headers: Mapping[str, str]) -> Response | None:
        known = self._request.headers.get("if-none-match", "")
        if known.strip() == "*" or headers["ETag"] in _ETAG.findall(known):
            return Response(status_code=304, headers=headers)
        return None

    def as_file(self, media_type: str, name: str) -> Self:
        """Have it answered as a file of another kind."""
        self._media_type = media_type
        self._headers["Content-Disposition"] = f"attachment; filename={name}"
        return self

    def of(self, found: Found) -> Response:
        """The answer with a report in it."""
        return self._response(self._kept(found))

    async def kept_in(self, questions: Questions, ask: Callable[[], Awaitable[Found]]) -> Response:
        """The answer that is known, for a while an older one, or what *ask* finds."""

        async def keep() -> Kept:
            return self._kept(await ask())

        request = self._request
        query = tuple(sorted(request.query_params.multi_items()))
        key = request.url.path, query, self._format
        again = again_of(request) if self._format != "sql" else None
        asked = Tagged(key, self._data, self._etag)
        kept = await questions.answer(asked, keep, again, may_be_older=self._may_be_older)
        if kept.headers["ETag"] == self._etag:
            # So that an answer that stands for a later state is not told as older than it was.
            questions.cache.tell(self._etag, self._headers)
            kept = kept._replace(headers=self._headers)
        elif unchanged := self._unchanged(kept.headers):
            return unchanged
        response = self._response(kept)
        if kept.following:
            url = request.url.include_query_params(after=kept.following)
            response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return response

    def _kept(self, found: Found) -> Kept:
        if isinstance(found, Paged):
            return Kept(self._body(found.rows), found.following, self._headers)
        return Kept(self._body(found), None, self._headers)

    def _body(self, found: BaseModel | Sequence[BaseModel] | str) -> bytes:
        if isinstance(found, str):
            return found.encode()
        if self._format == "json":
            return _JSON.dump_json(found)
        if self._format == "csv":
            return to_csv([found] if isinstance(found, BaseModel) else found).encode()
        if not self._notes:
            raise Problem(422, "invalid_parameter", "format: json or csv; its SQL has no values")
        return script.written(self._notes).encode()

    def _response(self, kept: Kept) -> Response:
        return Response(kept.body, 200, kept.headers, self._media_type)


def to_csv(rows: Sequence[BaseModel]) -> str:
    """Write rows as RFC 4180; cells that a spreadsheet would run as formulas get a quote mark."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for number, row in enumerate(rows):
        cells = dict(_flat("", row.model_dump(mode="json")))
        if number == 0:
            writer.writerow(cells)
        writer.writerow(map(_cell, cells.values()))
    return text.getvalue()


def _flat(prefix: str, fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield columns; those of a model inside have its name before theirs, lists have none."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}_", value)
        elif not isinstance(value, list):
            yield prefix + name, value


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def _format_of(request: Request) -> Format:
    wanted = request.query_params.get("format")
    for known in get_args(Format):
        if wanted == known:
            return known  # type: ignore[no-any-return]
    if wanted is not None:
        raise Problem(422, "invalid_parameter", "format: json, csv or sql")
    is_csv = request.headers.get("accept", "").lower().startswith("text/csv")
    return "csv" if is_csv else "json"


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
