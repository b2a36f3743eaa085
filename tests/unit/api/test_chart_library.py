"""The chart library out of its WebJar, or none."""

import zipfile
from pathlib import Path

import pytest

from analytics_api.chart_library import ChartLibrary


def test_script_and_style_are_read_from_the_jar(tmp_path: Path) -> None:
    path = tmp_path / "uplot-1.jar"
    with zipfile.ZipFile(path, "w") as archive:
        root = "META-INF/resources/webjars/uplot/1/dist"
        archive.writestr(f"{root}/uPlot.iife.min.js", "var uPlot")
        archive.writestr(f"{root}/uPlot.min.css", ".uplot {}")
        archive.writestr(f"{root}/secret.js", "no")
    library = ChartLibrary(str(path))

    assert (library.script, library.style) == ("var uPlot", ".uplot {}")


@pytest.mark.parametrize("content", [None, b"", b"no jar"])
def test_without_the_library_script_and_style_are_empty(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "uplot-1.jar"
    if content is not None:
        path.write_bytes(content)
    for library in (ChartLibrary(None), ChartLibrary(str(path))):
        assert (library.script, library.style) == ("", "")
