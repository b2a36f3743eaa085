"""`engage fetch-charts`: what the dashboard draws its charts with, where no stack is started."""

from pathlib import Path
from typing import Annotated

import typer

from engage.terminal.options import failing_well


@failing_well
def fetch_charts(
    to: Annotated[
        Path | None, typer.Option(help="Copy it into this folder. Default: into the user's cache.")
    ] = None,
) -> None:
    """Fetch uPlot, checked by its hash, and print where it is: ENGAGE_CHART_LIBRARY names it.

    `engage up` does so by itself. Without uPlot the dashboard draws plainer charts.
    """
    from engage.embedded.jars import CHART_LIBRARY, JarStore

    print(JarStore().fetch_webjar(CHART_LIBRARY, to))
