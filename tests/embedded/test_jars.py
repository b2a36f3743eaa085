"""The jars of this user, served to a cache of the test's own by a mirror on loopback."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from engage.embedded import ports
from engage.embedded.errors import DownloadFailed, JarRefused
from engage.embedded.jars import LOCK_FILE, JarStore, locked_jars

ENSURE = "from engage.embedded.jars import JarStore; JarStore().ensure()"


class Mirror(http.server.SimpleHTTPRequestHandler):
    requests = 0
    poisoned = ""

    def translate_path(self, path: str) -> str:
        Mirror.requests += 1
        filename = path.rpartition("/")[2]
        return str(JarStore().path(locked_jars()[0]).with_name(self.poisoned or filename))

    def log_message(self, *arguments: object) -> None:
        pass


def configure_jgo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    settings = tmp_path / "jgo.conf"
    settings.write_text(f"[repositories]\ncentral = http://{ports.LOOPBACK}:{port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Mirror]]:
    JarStore().ensure()
    handler = type("TestMirror", (Mirror,), {})
    with http.server.ThreadingHTTPServer((ports.LOOPBACK, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        configure_jgo(tmp_path, monkeypatch, server.server_port)
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "a cache"
    folder.mkdir()
    return folder


def test_what_is_fetched_is_complete_and_reported(mirror: type[Mirror], cache: Path) -> None:
    fractions = []
    store = JarStore(cache)

    store.ensure(lambda _step, fraction, _detail="": fractions.append(fraction))

    assert store.missing() == []
    assert store.webjar("uplot").is_file()
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert fractions == sorted(fractions)
