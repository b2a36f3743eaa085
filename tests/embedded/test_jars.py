"""Downloads of jars from a mirror on loopback into a new cache."""

import hashlib
import http.server
import os
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engage.embedded import ports
from engage.embedded.jars import CHART_LIBRARY, LOCK_FILE, JarStore, locked_jars
from engage.embedded.machine import StackError

ENSURE = "from engage.embedded.jars import JarStore; JarStore().ensure()"


class Mirror(http.server.SimpleHTTPRequestHandler):
    """Serves jars from *folder*; each subclass counts for one test."""

    folder: Path
    served: list[str]
    replacement = ""

    def translate_path(self, path: str) -> str:
        filename = path.rpartition("/")[2]
        if filename.endswith(".jar"):
            self.served.append(filename)
        return str(self.folder / (self.replacement or filename))

    def log_message(self, *arguments: object) -> None:
        pass


def configure_jgo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    settings = tmp_path / "jgo.conf"
    settings.write_text(f"[repositories]\ncentral = http://{ports.LOOPBACK}:{port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Mirror]]:
    store = JarStore()
    store.ensure()
    handler = type("TestMirror", (Mirror,), {"folder": store.folder, "served": []})
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


@pytest.fixture
def complete_store(mirror: type[Mirror], cache: Path) -> JarStore:
    store = JarStore(cache)
    store.ensure()
    mirror.served.clear()
    return store


def test_fetched_jars_are_complete_and_their_progress_reported(
    mirror: type[Mirror], cache: Path
) -> None:
    done = []
    store = JarStore(cache)

    store.ensure(lambda _step, jars, total, _remark: done.append(jars / total))

    assert store.missing() == []
    assert store.webjar("uplot").is_file()
    assert (done[0], done[-1]) == (0.0, 1.0)
    assert done == sorted(done)


def test_complete_cache_needs_no_download(mirror: type[Mirror], complete_store: JarStore) -> None:
    complete_store.ensure()

    assert mirror.served == []


def test_parallel_first_runs_fetch_each_jar_once(
    mirror: type[Mirror], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared cache"))
    runs = [subprocess.Popen([sys.executable, "-c", ENSURE]) for _ in range(2)]

    assert [run.wait(60) for run in runs] == [0, 0]
    assert sorted(mirror.served) == sorted(jar.filename for jar in locked_jars())
    assert JarStore().missing() == []


def test_changed_jar_of_the_same_size_and_time_is_fetched_again(
    mirror: type[Mirror], complete_store: JarStore
) -> None:
    jar = locked_jars()[0]
    path = complete_store.path(jar)
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert complete_store.missing() == [jar]
    complete_store.ensure()

    assert mirror.served == [jar.filename]
    assert complete_store.missing() == []


def test_jar_is_rejected_when_it_differs_from_the_lock(mirror: type[Mirror], cache: Path) -> None:
    mirror.replacement = locked_jars()[1].filename
    store = JarStore(cache)

    with pytest.raises(StackError, match="differs from the lock file"):
        store.ensure()

    assert [path for path in cache.rglob("*.jar") if path.name != mirror.replacement] == []


def test_error_without_network_and_cache_names_the_remedy(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_jgo(tmp_path, monkeypatch, ports.pick())

    with pytest.raises(StackError, match="connect to the network once"):
        JarStore(cache).ensure()


def test_lock_file_matches_the_wanted_jars() -> None:
    wanted = LOCK_FILE.with_name("jgo.toml").read_bytes()
    lock = tomllib.loads(LOCK_FILE.read_text())

    assert lock["metadata"]["spec_hash"] == hashlib.sha256(wanted).hexdigest()[:16]
    assert all(len(jar.sha256) == 64 for jar in locked_jars())
    assert len({jar.filename for jar in locked_jars()}) == len(locked_jars())


def test_chart_library_is_fetched_alone_and_checked(
    mirror: type[Mirror], cache: Path, tmp_path: Path
) -> None:
    store = JarStore(cache)
    assert store.verified_webjar(CHART_LIBRARY) is None
    copy = store.fetch_webjar(CHART_LIBRARY, tmp_path / "charts")

    assert [name for name in mirror.served if not name.startswith("uplot")] == []
    assert store.verified_webjar(CHART_LIBRARY) == store.webjar(CHART_LIBRARY)
    assert copy.read_bytes() == store.webjar(CHART_LIBRARY).read_bytes()
    store.webjar(CHART_LIBRARY).write_bytes(b"changed")
    assert store.verified_webjar(CHART_LIBRARY) is None
