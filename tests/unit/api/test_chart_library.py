"""The chart library out of its WebJar, or none."""

import zipfile
from pathlib import Path

import pytest

from analytics_api.chart_library import ChartLibrary


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    path = tmp_path / "uplot-1.jar"
    with zipfile.ZipFile(path, "w") as archive:
        root = "META-INF/resources/webjars/uplot/1/dist"
        archive.writestr(f"{root}/uPlot.iife.min.js", "var uPlot")
        archive.writestr(f"{root}/uPlot.min.css", ".uplot {}")
        archive.writestr(f"{root}/secret.js", "no")
    return path


def test_chart_files_are_served_with_their_types(jar: Path) -> None:
    library = ChartLibrary(str(jar))
    script, style = library.response("uplot.js"), library.response("uplot.css")

    assert script is not None
    assert (script.body, script.media_type) == (b"var uPlot", "text/javascript")
    assert style is not None
    assert (style.body, style.media_type) == (b".uplot {}", "text/css")


@pytest.mark.parametrize("name", ["secret.js", "../uplot.js", "uPlot.iife.min.js", ""])
def test_unknown_chart_file_is_not_served(jar: Path, name: str) -> None:
    assert ChartLibrary(str(jar)).response(name) is None


@pytest.mark.parametrize("content", [None, b"", b"no jar"])
def test_chart_files_are_comments_without_the_library(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "uplot-1.jar"
    if content is not None:
        path.write_bytes(content)
    for library in (ChartLibrary(None), ChartLibrary(str(path))):
        script = library.response("uplot.js")
        assert script is not None
        assert script.body.startswith(b"/* uPlot is not installed")
        assert script.body.endswith(b"*/\n")
