"""`engage keys`: who may come in."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from engage.target import key_file
from engage.terminal.options import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    Output,
    OutputOption,
    failing_well,
)

T = TypeVar("T")
R = TypeVar("R")

app = typer.Typer(help="API keys. Services notice a change within a minute.", no_args_is_help=True)


@app.command()
@failing_well
def create(
    scope: Annotated[
        str,
        typer.Option(
            help="ingest: send events; read: reports and dashboard; admin: all, and the catalogue."
        ),
    ],
    folder: Dir = DEFAULT_DIR,
    label: Annotated[str, typer.Option(help="Whose it is, for `list`.")] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="For web pages of this origin alone, such as https://www.example.com; repeat it"
            " for several. Programs need a key without."
        ),
    ] = None,
    rate: Annotated[
        str, typer.Option(help="Most requests a second to each process, such as 50/s.")
    ] = "",
) -> None:
    """Make a key and print it; it is shown this once and kept as a hash.

    It goes into the header `Authorization: Bearer eng_...`. More in docs/keys.md.
    """
    from schema.http.keys import Scope, add, mint
    from schema.http.origins import parse_origins
    from schema.http.rate_limit import parse_rate

    if scope not in list(Scope):
        raise typer.BadParameter(f"scope: one of {', '.join(Scope)}")
    if origin and scope == Scope.ADMIN:
        raise typer.BadParameter("origin: an admin key does not belong into a page")
    minted = mint(
        Scope(scope),
        label=label,
        origins=_parsed("origin", parse_origins, origin or []),
        rate_per_second=_parsed("rate", parse_rate, rate) if rate else None,
    )
    add(key_file(folder), minted.entry)
    print(minted.plaintext)
    typer.echo(
        f"keep it now: it is not shown again. `engage keys revoke {minted.entry.key_id}` ends it",
        err=True,
    )


def _parsed(option: str, parse: Callable[[T], R], given: T) -> R:
    try:
        return parse(given)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from None


@app.command("list")
@failing_well
def list_keys(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """List the keys: their ids, never the keys themselves."""
    from engage.terminal.output import print_rows
    from schema.http.keys import read_keys
    from schema.http.last_use import last_uses

    path = key_file(folder)
    used = last_uses(path)
    rows = [
        {
            "key_id": key.key_id,
            "scope": key.scope.value,
            "label": key.label,
            "origins": " ".join(key.origins) or None,
            "rate": f"{key.rate_per_second:g}/s" if key.rate_per_second else None,
            "created_timestamp": key.created_timestamp,
            "last_used_timestamp": used.get(key.key_id),
            "revoked_timestamp": key.revoked_timestamp,
        }
        for key in read_keys(path)
    ]
    print_rows(rows, output)


@app.command()
@failing_well
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `list` shows it.")], folder: Dir = DEFAULT_DIR
) -> None:
    """Revoke a key; services refuse it within a minute."""
    from schema.http.keys import revoke as revoke_key

    if not revoke_key(key_file(folder), key_id):
        typer.echo(f"error: no key {key_id} is in force", err=True)
        raise typer.Exit(CHECK_FAILED)
    print(f"revoked {key_id}")
