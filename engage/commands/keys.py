"""`engage keys`: create, list and revoke API keys."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer

from engage.target import key_file, key_uses_folders
from engage.terminal import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    Output,
    OutputOption,
    print_rows,
)
from web.auth import Scope, create_key, last_uses, parse_expiry, read_keys
from web.cors import parse_origins
from web.key_file import add
from web.key_file import revoke as revoke_key
from web.rate_limit import parse_rate

T = TypeVar("T")
R = TypeVar("R")

app = typer.Typer(
    help="Create, list and revoke API keys. Services apply a change within a minute.",
    no_args_is_help=True,
)


@app.command()
def create(  # noqa: PLR0913, PLR0917  (the command line's options)
    scope: Annotated[
        str,
        typer.Option(
            help="ingest: send events. read: reports and dashboard. admin: both, and the catalogue."
        ),
    ],
    folder: Dir = DEFAULT_DIR,
    label: Annotated[str, typer.Option(help="Note about its owner, which `list` shows.")] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Accept the key only from web pages of this origin, such as https://www.example.com."
            " Repeatable. Keys of programs have none."
        ),
    ] = None,
    rate: Annotated[
        str,
        typer.Option(
            help="Maximum requests per second to each process, such as 50/s. Default: no limit."
        ),
    ] = "",
    expires: Annotated[
        str,
        typer.Option(
            help="Last day of the key in UTC, such as 2027-01-31, or its life in days, such as 30d."
            " Default: it does not expire."
        ),
    ] = "",
) -> None:
    """Create a key and print it once. Only its hash is stored.

    Send it in the header `Authorization: Bearer eng_...`: docs/keys.md.
    """
    if scope not in list(Scope):
        raise typer.BadParameter(f"scope: one of {', '.join(Scope)}")
    if origin and scope == Scope.ADMIN:
        raise typer.BadParameter("origin: an admin key must not be used in web pages")
    created = create_key(
        Scope(scope),
        label=label,
        origins=_parsed("origin", parse_origins, origin or []),
        rate_per_second=_parsed("rate", parse_rate, rate) if rate else None,
        expires_timestamp=_parsed("expires", _parse_expiry, expires) if expires else None,
    )
    add(key_file(folder), created.entry)
    print(created.plaintext)
    typer.echo(
        f"store it now: it is not shown again. Revoke it with"
        f" `engage keys revoke {created.entry.key_id}`",
        err=True,
    )


def _parsed(option: str, parse: Callable[[T], R], given: T) -> R:
    try:
        return parse(given)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from None


def _parse_expiry(text: str) -> datetime:
    return parse_expiry(text, datetime.now(UTC))


@app.command("list")
def list_keys(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """List the keys by ID. The keys themselves are not stored."""
    path = key_file(folder)
    used = last_uses(key_uses_folders(folder))
    rows = [
        {
            "key_id": key.key_id,
            "scope": key.scope.value,
            "label": key.label,
            "origins": " ".join(key.origins) or None,
            "rate": f"{key.rate_per_second:g}/s" if key.rate_per_second else None,
            "created_timestamp": key.created_timestamp,
            "last_used_timestamp": used.get(key.key_id),
            "expires_timestamp": key.expires_timestamp,
            "revoked_timestamp": key.revoked_timestamp,
        }
        for key in read_keys(path)
    ]
    print_rows(rows, output)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="ID of the key, as `list` shows it.")],
    folder: Dir = DEFAULT_DIR,
) -> None:
    """Revoke a key. Services reject it within a minute."""
    if not revoke_key(key_file(folder), key_id):
        typer.echo(f"error: there is no active key {key_id}: see `engage keys list`", err=True)
        raise typer.Exit(CHECK_FAILED)
    print(f"revoked {key_id}")
