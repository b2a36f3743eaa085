"""uPlot, which draws the dashboard's charts: two files of its WebJar, where it is installed."""

import zipfile
from typing import Final

from starlette.responses import Response

from runtime.logging import get_logger

_FILES: Final = {
    "uplot.js": ("/dist/uPlot.iife.min.js", "text/javascript"),
    "uplot.css": ("/dist/uPlot.min.css", "text/css"),
}
_ABSENT: Final = b"/* uPlot is not installed: see docs/dashboard.md. Charts are drawn plainly. */\n"

logger = get_logger("charts")


class ChartLibrary:
    """Serves the files; without the library empty ones, so that the page draws by itself.

    Args:
        path: of the WebJar; None: it is not installed.
    """

    def __init__(self, path: str | None) -> None:
        self._found: dict[str, bytes] = {}
        try:
            self._found = _unpacked(path) if path else {}
        except (OSError, zipfile.BadZipFile) as error:
            logger.warning("the chart library cannot be read", error=type(error).__name__)

    def response(self, name: str) -> Response | None:
        """Return the answer with a file; None: there is no such file."""
        if name not in _FILES:
            return None
        body = self._found.get(name, _ABSENT)
        headers = {"Cache-Control": "no-cache"}
        return Response(body, media_type=_FILES[name][1], headers=headers)


def _unpacked(path: str) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as jar:
        return {
            file: jar.read(name)
            for file, (ending, _) in _FILES.items()
            for name in jar.namelist()
            if name.endswith(ending)
        }
