"""Kafka's own jars and the dashboard's chart library, locked by hash.

``jgo.toml`` names what is wanted; ``jgo.lock.toml`` (made by ``jgo --resolver python lock``)
names each jar with its sha256. jgo's resolver fetches them, so its settings for mirrors and the
environment's for proxies and certificates hold. Nothing is run or read whose hash differs.
"""

import hashlib
import shutil
import tomllib
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import msgspec

from engage.embedded.cache import cache_folder, locked
from engage.embedded.errors import DownloadFailed, JarRefused, StackError, explain_os_error
from engage.embedded.files import staging, write_whole
from engage.embedded.progress import Report, silent

LOCK_FILE: Final = Path(__file__).with_name("jgo.lock.toml")
WEBJARS: Final = "org.webjars"
CHART_LIBRARY: Final = "uplot"
STEP: Final = "Kafka's jars"
_AT_ONCE: Final = 4
_TIMEOUT_SECONDS: Final = 15
_ATTEMPTS: Final = 3

Stamp = tuple[int, int, int, str]
"""Size in bytes, times of the last change to content and to anything (ns), sha256."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """The name it is kept under."""
        return f"{self.artifact}-{self.version}.jar"


@cache
def locked_jars() -> tuple[Jar, ...]:
    """Return every jar of the lock file, in its order, which the class path keeps."""
    entries = tomllib.loads(LOCK_FILE.read_text(encoding="utf-8"))["dependencies"]
    return tuple(Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries)


class JarStore:
    """The jars in the user's cache folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._base = folder or cache_folder()
        self.folder = self._base / "jars"
        self._stamps_path = self.folder / "verified.json"

    def path(self, jar: Jar) -> Path:
        """Return where *jar* is kept; it need not be there."""
        return self.folder / jar.filename

    def class_path(self) -> list[Path]:
        """Return the jars that Kafka runs from."""
        return [self.path(jar) for jar in locked_jars() if not jar.group.startswith(WEBJARS)]

    def webjar(self, artifact: str) -> Path:
        """Return the jar of a page's library, such as ``uplot``."""
        return next(self.path(jar) for jar in locked_jars() if jar.artifact == artifact)

    def verified_webjar(self, artifact: str) -> Path | None:
        """Return the jar of a page's library if it is here, and what the lock file says."""
        path = self.webjar(artifact)
        return None if path in map(self.path, self.missing()) else path

    def fetch_webjar(self, artifact: str, to: Path | None = None) -> Path:
        """Fetch the jar of a page's library if need be, and copy it; returns where it is.

        Raises:
            DownloadFailed, JarRefused: as ``ensure``.
        """
        self.ensure(only=[jar for jar in locked_jars() if jar.artifact == artifact])
        path = self.webjar(artifact)
        if to is None:
            return path
        to.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(path, to))

    def missing(self) -> list[Jar]:
        """Return the jars that are absent, or whose content is not the locked one.

        A jar that was hashed before and has not been touched since is not hashed again.
        """
        known = self._read_stamps()
        stamps = {jar.filename: self._stamp(jar, known) for jar in locked_jars()}
        verified = {name: stamp for name, stamp in stamps.items() if stamp is not None}
        if verified != known and self.folder.is_dir():
            write_whole(self._stamps_path, msgspec.json.encode(verified))
        return [jar for jar in locked_jars() if jar.filename not in verified]

    def ensure(self, report: Report = silent, only: Collection[Jar] | None = None) -> None:
        """Fetch what is missing. Blocks; safe when several processes do it at once.

        Args:
            report: is told how it goes.
            only: these jars alone; None: all.

        Raises:
            DownloadFailed: a jar cannot be had.
            JarRefused: what came is not what the lock file says.
        """
        wanted = set(locked_jars() if only is None else only)
        if wanted.isdisjoint(self.missing()):
            return
        report(STEP, 0.0)
        with locked(self._base, "jars"):
            if missing := [jar for jar in self.missing() if jar in wanted]:
                self._fetch(missing, report)
                if broken := wanted.intersection(self.missing()):
                    raise _refusal(broken.pop())
        report(STEP, 1.0)

    def try_download(self) -> None:
        """Download one missing jar and throw it away, to see that it can be had.

        Raises:
            DownloadFailed, JarRefused: as ``ensure``.
        """
        smallest_first = sorted(self.missing(), key=lambda jar: jar.artifact != "jspecify")
        with staging(self._base) as place:
            for jar in smallest_first[:1]:
                _Download(place, 1, silent).fetch(jar)

    def _fetch(self, jars: list[Jar], report: Report) -> None:
        self.folder.mkdir(exist_ok=True)
        with staging(self._base) as place:
            download = _Download(place, len(jars), report)
            pool = ThreadPoolExecutor(_AT_ONCE)
            try:
                for jar, path in zip(jars, pool.map(download.fetch, jars), strict=True):
                    path.replace(self.path(jar))
            finally:
                # After one failure the others would fail the same way, slowly.
                pool.shutdown(cancel_futures=True)

    def _stamp(self, jar: Jar, known: dict[str, Stamp]) -> Stamp | None:
        path = self.path(jar)
        try:
            stat = path.stat()
            stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, jar.sha256)
            if known.get(jar.filename) == stamp or _sha256(path) == jar.sha256:
                return stamp
        except OSError:
            pass
        return None

    def _read_stamps(self) -> dict[str, Stamp]:
        try:
            return msgspec.json.decode(self._stamps_path.read_bytes(), type=dict[str, Stamp])
        except (OSError, msgspec.MsgspecError):
            return {}


class _Download:
    """One round of downloads into a private folder; ``fetch`` runs in several threads."""

    def __init__(self, place: Path, jars: int, report: Report) -> None:
        self._jars = jars
        self._report = report
        self._lock = Lock()
        self._done_jars = 0.0
        self._done_bytes = 0
        self._context = _maven_context(place, self._progress)

    def fetch(self, jar: Jar) -> Path:
        """Download *jar*, check it and return where it is."""
        artifact = self._context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        path = _resolve(artifact, jar)
        if _sha256(path) != jar.sha256:
            raise _refusal(jar)
        return path

    @contextmanager
    def _progress(self, _filename: str, total_bytes: int) -> Iterator[Any]:
        def advance(count_bytes: int) -> None:
            with self._lock:
                self._done_bytes += count_bytes
                self._done_jars += count_bytes / total_bytes
                fraction = min(self._done_jars / self._jars, 0.99)
                self._report(STEP, fraction, f"{self._done_bytes / 1e6:.0f} MB")

        yield advance


def _maven_context(place: Path, progress: Any) -> Any:
    # Imported here: it costs 0.5 s, and a warm start has nothing to fetch.
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    repositories = {"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories
    resolver = PythonResolver(progress_callback=progress)
    return MavenContext(
        resolver=resolver,
        repo_cache=place,
        local_repos=[],
        remote_repos=repositories,
        timeout=_TIMEOUT_SECONDS,
    )


def _resolve(artifact: Any, jar: Jar) -> Path:
    """Download with jgo, again after a broken transfer."""
    import requests

    failure: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            return Path(artifact.resolve())
        except (requests.RequestException, RuntimeError) as error:
            artifact.cached_path.unlink(missing_ok=True)
            failure = error
        except OSError as error:
            raise explain_os_error(error, artifact.cached_path) from error
    raise DownloadFailed(
        f"{jar.filename} is not cached and cannot be downloaded ({type(failure).__name__}): "
        "connect to the network once, or name your mirror under [repositories] in "
        "~/.config/jgo.conf"
    ) from failure


def _refusal(jar: Jar) -> StackError:
    return JarRefused(
        f"{jar.filename} differs from the lock file and was refused: check the mirror or proxy "
        "it came from, then start again"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
