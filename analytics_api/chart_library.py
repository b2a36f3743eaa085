"""uPlot, which draws the dashboard's charts: two files of its WebJar, where it is installed."""

import zipfile
from typing import Final

from runtime.logging import get_logger

_SCRIPT: Final = "/dist/uPlot.iife.min.js"
_STYLE: Final = "/dist/uPlot.min.css"

logger = get_logger("charts")


class ChartLibrary:
    """The script and the style of the library; empty without it, so that the page draws by itself.

    Args:
        path: of the WebJar; None: it is not installed.
    """

    def __init__(self, path: str | None) -> None:
        self.script = self.style = ""
        try:
            if path:
                self.script, self.style = _unpacked(path)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            logger.warning("the chart library cannot be read", error=type(error).__name__)


def _unpacked(path: str) -> tuple[str, str]:
    with zipfile.ZipFile(path) as jar:
        names = {
            ending: name
            for name in jar.namelist()
            for ending in (_SCRIPT, _STYLE)
            if name.endswith(ending)
        }
        return jar.read(names[_SCRIPT]).decode(), jar.read(names[_STYLE]).decode()
