"""`engage config`: how everything is set."""

import typer

from engage.terminal.options import USAGE, Output, OutputOption, failing_well

app = typer.Typer(help="Settings.", no_args_is_help=True)


@app.command()
@failing_well
def show(output: OutputOption = Output.TABLE) -> None:
    """Show every setting, its value and where that comes from. Secrets are masked.

    Exit code 2: a setting is wrong; stderr says which and why.
    """
    from engage.configuration import faults, settings_in_force
    from engage.terminal.output import print_rows

    print_rows(settings_in_force(), output)
    if found := faults():
        typer.echo("\n".join(f"error: {fault}" for fault in found), err=True)
        raise typer.Exit(USAGE)


@app.command()
@failing_well
def table() -> None:
    """Print every setting with its default as a Markdown table, as in the README."""
    from engage.configuration import settings_table

    typer.echo(settings_table())
