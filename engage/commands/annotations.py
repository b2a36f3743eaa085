"""`engage annotations`: short texts at instants, which the charts of the dashboard show."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from engage.target import Target, find
from engage.terminal import (
    DEFAULT_DIR,
    Dir,
    DryRun,
    Limit,
    Output,
    OutputOption,
    Yes,
    instant,
    print_rows,
)
from schema.errors import SetupError
from schema.event import MAX_ID

app = typer.Typer(help="Explain what happened at an instant.", no_args_is_help=True)
_TEXT: Final = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,200}")
_YEARS: Final = range(1970, 9001)

Post = Annotated[
    str,
    typer.Option(help="Number or external ID of the post. Default: the whole platform."),
]


@app.command()
def add(  # noqa: PLR0913, PLR0917  (the command line's options)
    text: Annotated[str, typer.Argument(help="What happened, in at most 200 characters.")],
    at: Annotated[
        str, typer.Option("--at", help="When, in RFC 3339 with offset. Default: now.")
    ] = "",
    post: Post = "",
    folder: Dir = DEFAULT_DIR,
    output: OutputOption = Output.TABLE,
    is_dry_run: DryRun = False,
) -> None:
    """Record what happened at an instant, to the whole platform or to one post.

    The dashboard marks it in the charts.
    """
    if not _TEXT.fullmatch(text):
        raise typer.BadParameter("text: 1 to 200 characters, without control characters")
    annotated = instant("at", at) if at else datetime.now(UTC)
    if annotated.year not in _YEARS:
        raise typer.BadParameter(f"at: a year from {_YEARS[0]} to {_YEARS[-1]}")
    system = find(folder)
    post_id = _post_id(system, post) if post else None
    if is_dry_run:
        row = {"annotated_timestamp": annotated, "post_id": post_id, "text": text}
        print_rows([row], output, title="would add")
        return
    print_rows(system.query("add_annotation", annotated=annotated, post=post_id, text=text), output)


@app.command("list")
def list_annotations(
    post: Post = "",
    folder: Dir = DEFAULT_DIR,
    limit: Limit = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List annotations: all, or those of a post and of the whole platform."""
    system = find(folder)
    post_id = _post_id(system, post) if post else None
    rows = system.query("annotations", start=None, end=None, post=post_id, limit=limit)
    print_rows(rows, output, optional=("title",))


@app.command()
def remove(
    annotation: Annotated[int, typer.Argument(min=1, max=MAX_ID, metavar="ID")],
    folder: Dir = DEFAULT_DIR,
    is_dry_run: DryRun = False,
    is_confirmed: Yes = False,
) -> None:
    """Delete an annotation."""
    system = find(folder)
    found = _remove(system, annotation, is_dry_run=True)
    if is_dry_run:
        print(f"would remove {found}")
        return
    if not is_confirmed:
        typer.confirm(f"remove {found}?", abort=True, err=True)
    _remove(system, annotation, is_dry_run=False)
    print(f"removed {found}")


def _remove(system: Target, annotation: int, *, is_dry_run: bool) -> str:
    """Remove an annotation, or only find it; return it in words. Raises SetupError."""
    rows = system.query("remove_annotation", annotation=annotation, is_dry_run=is_dry_run)
    if not rows:
        raise SetupError(f"there is no annotation {annotation}: see `engage annotations list`")
    (row,) = rows
    return f"annotation {annotation} of {row['annotated_timestamp']:%Y-%m-%d %H:%M} UTC"


def _post_id(system: Target, post: str) -> Any:
    """Return the number of a post of the catalogue. Raises SetupError."""
    number = int(post) if re.fullmatch("[1-9][0-9]{0,17}", post) else 0
    rows = system.query("find_post", number=number, external_id="" if number else post)
    if not rows:
        raise SetupError(f"the catalogue has no post {post}")
    return rows[0]["post_id"]
