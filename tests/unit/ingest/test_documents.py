"""The tracker as it is served."""

import gzip
import sys
from pathlib import Path

import pytest

import ingest_service
from ingest_service.documents import read_tracker

SOURCE = Path(ingest_service.__file__).parent / "static/tracker.js"


def test_tracker_has_at_most_two_kilobytes_with_gzip() -> None:
    assert len(gzip.compress(read_tracker(), 9)) <= 2048


@pytest.mark.skipif(sys.platform != "linux", reason="the minifier is locked for Linux only")
def test_tracker_is_minified_from_its_source() -> None:
    minify = pytest.importorskip("minify")
    minified = minify.string("text/javascript", SOURCE.read_text("utf-8"))

    assert read_tracker().decode() == minified, "run `make tracker`"
