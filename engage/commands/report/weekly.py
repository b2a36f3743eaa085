"""`engage report weekly`: what to send an author on Monday."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote

import typer

from engage.commands.report.question import Question
from engage.terminal.options import DEFAULT_DIR, Dir, failing_well

if TYPE_CHECKING:
    from engage.weekly import Week

_MOST_PEERS: Final = 1000
_QUARTER_DAYS: Final = 90


class Form(StrEnum):
    """How the report is written."""

    MARKDOWN = "md"
    HTML = "html"


@failing_well
def weekly(  # noqa: PLR0913, PLR0917  (options of a command)
    author_id: Annotated[str, typer.Argument(help="The author's number, or external id.")],
    folder: Dir = DEFAULT_DIR,
    week: Annotated[
        str | None, typer.Option(help="ISO week, such as 2026-W47; the last whole one if unset.")
    ] = None,
    tz: Annotated[str | None, typer.Option(help="IANA zone of the week's days.")] = None,
    form: Annotated[Form, typer.Option("--output", "-o", help="md or html.")] = Form.MARKDOWN,
    file: Annotated[Path | None, typer.Option(help="Write it there; else to stdout.")] = None,
) -> None:
    """An author's week: numbers, posts and days, against the category's median."""
    from engage.weekly import markdown, page

    found = _ask(folder, author_id, monday_of(week), tz)
    text = page(found) if form is Form.HTML else markdown(found)
    if file is None:
        print(text, end="")
    else:
        file.write_text(text, encoding="utf-8")
        print(file)


def monday_of(week: str | None) -> date:
    """Return the week's Monday. Raises SetupError for what is no ISO week."""
    from schema.errors import SetupError

    if week is None:
        today = datetime.now(UTC).date()
        return today - timedelta(days=today.weekday() + 7)
    try:
        return date.fromisoformat(f"{week}-1")
    except ValueError:
        raise SetupError(f"--week {week}: expected an ISO week, such as 2026-W47") from None


def _ask(folder: Path, author_id: str, monday: date, tz: str | None) -> "Week":
    from engage.weekly import Week

    ask = Question(folder=folder).ask
    days = {"start": monday, "end": monday + timedelta(days=6), "tz": tz}
    quarter = days | {"start": monday - timedelta(days=_QUARTER_DAYS - 7)}
    author = ask(f"/author/{quote(author_id, safe='')}/trends")
    return Week(
        label="{}-W{:02}".format(*monday.isocalendar()),
        author=author,
        overview=ask("/reports/overview", author=author_id, **days),
        days=ask("/reports/series", author=author_id, **days),
        posts=ask("/reports/ranking/post", author=author_id, **days),
        peers=ask("/reports/ranking/author", limit=_MOST_PEERS, **days),
        fair=next(iter(ask("/reports/opportunity", author=author_id, **quarter)), None),
        hours=next(iter(ask("/reports/posting-hours", author=author_id, **days)), None),
        slots=ask("/reports/when-to-post/next", category=author["category"], tz=tz),
    )
