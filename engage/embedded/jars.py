"""Kafka's jars and the chart library: ``jgo.lock.toml`` has each with its sha256.

It is made from ``jgo.toml`` by ``jgo --resolver python lock``.
"""

import hashlib
import tomllib
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import msgspec

from engage.embedded.machine import StackError, cache_folder, explain_os_error, locked, staging
from runtime.files import replace_file
from runtime.progress import Progress, silent

LOCK_FILE: Final = Path(__file__).with_name("jgo.lock.toml")
STEP: Final = "Kafka's jars"
WEBJARS: Final = "org.webjars"
CHART_LIBRARY: Final = "uplot"
_TIMEOUT_SECONDS: Final = 15
_ATTEMPTS: Final = 3
_AT_ONCE: Final = 4

Stamp = tuple[int, int, int, str]
"""Size in bytes, times of the last change to content and to anything (ns), sha256."""


@dataclass(frozen=True, slots=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def is_in(self, path: Path) -> bool:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


@cache
def locked_jars() -> tuple[Jar, ...]:
    """Return every jar of the lock file, in its order, which the class path keeps."""
    entries = tomllib.loads(LOCK_FILE.read_text(encoding="utf-8"))["dependencies"]
    return tuple(Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries)


def _download(context: Any, jar: Jar) -> Path:
    """Download a jar with jgo, check it and return where it is. Broken transfers are retried."""
    import requests  # noqa: PLC0415  (as jgo)

    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    failure: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            path = Path(artifact.resolve())
            if not jar.is_in(path):
                raise _rejection(jar)
        except (requests.RequestException, RuntimeError) as error:
            artifact.cached_path.unlink(missing_ok=True)
            failure = error
        except OSError as error:
            raise explain_os_error(error, artifact.cached_path) from error
        else:
            return path
    raise StackError(
        f"{jar.filename} is not cached and cannot be downloaded ({type(failure).__name__}): "
        "connect to the network once, or name your mirror under [repositories] in "
        "~/.config/jgo.conf"
    ) from failure


def _maven_context(place: Path) -> Any:
    # Imported here: it costs 0.5 s, and a warm start has nothing to fetch.
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    return MavenContext(
        resolver=PythonResolver(),
        repo_cache=place,
        local_repos=[],
        remote_repos={"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories,
        timeout=_TIMEOUT_SECONDS,
    )


def _rejection(jar: Jar) -> StackError:
    return StackError(
        f"{jar.filename} differs from the lock file and was rejected: check the mirror or proxy "
        "it came from, then start again"
    )


class JarStore:
    """The jars in the user's cache folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._base = folder or cache_folder()
        self.folder = self._base / "jars"
        self._stamps_path = self.folder / "verified.json"

    def path(self, jar: Jar) -> Path:
        return self.folder / jar.filename

    def class_path(self) -> list[Path]:
        return [self.path(jar) for jar in locked_jars() if not jar.group.startswith(WEBJARS)]

    def webjar(self, artifact: str) -> Path:
        return next(self.path(jar) for jar in locked_jars() if jar.artifact == artifact)

    def verified_webjar(self, artifact: str) -> Path | None:
        """Return the jar of a page's library if it is here, and what the lock file says."""
        path = self.webjar(artifact)
        return None if path in map(self.path, self.missing()) else path

    def fetch_webjar(self, artifact: str, to: Path | None = None) -> Path:
        """Fetch the jar of a page's library if need be, and copy it; returns where it is.

        Raises as ``ensure`` does.
        """
        self.ensure(only=[jar for jar in locked_jars() if jar.artifact == artifact])
        path = self.webjar(artifact)
        if to is None:
            return path
        to.mkdir(parents=True, exist_ok=True)
        copied = to / path.name
        replace_file(copied, path.read_bytes(), mode=0o644)
        return copied

    def missing(self) -> list[Jar]:
        """Return the jars that are absent, or whose content is not the locked one.

        A jar that was hashed before and has not been touched since is not hashed again.
        """
        known = self._read_stamps()
        stamps = {jar.filename: self._stamp(jar, known) for jar in locked_jars()}
        verified = {name: stamp for name, stamp in stamps.items() if stamp is not None}
        if verified != known and self.folder.is_dir():
            replace_file(self._stamps_path, msgspec.json.encode(verified))
        return [jar for jar in locked_jars() if jar.filename not in verified]

    def ensure(self, progress: Progress = silent, only: Collection[Jar] | None = None) -> None:
        """Download missing jars. Block. Several processes can do so concurrently.

        Args:
            progress: called with the jars that are done.
            only: these jars alone; None: all.

        Raises:
            StackError: a jar cannot be downloaded, or is not what the lock file says.
        """
        wanted = set(locked_jars() if only is None else only)
        if wanted.isdisjoint(self.missing()):
            return
        progress(STEP, 0, len(wanted), "")
        with locked(self._base, "jars"):
            if missing := [jar for jar in self.missing() if jar in wanted]:
                fetched = len(wanted) - len(missing)
                self._fetch(missing, lambda done: progress(STEP, fetched + done, len(wanted), ""))
                if broken := wanted.intersection(self.missing()):
                    raise _rejection(broken.pop())
        progress(STEP, len(wanted), len(wanted), "")

    def try_download(self) -> None:
        """Download a missing jar and discard it, to check that downloads work.

        Raises as ``ensure`` does.
        """
        smallest_first = sorted(self.missing(), key=lambda jar: jar.artifact != "jspecify")
        with staging(self._base) as place:
            for jar in smallest_first[:1]:
                _download(_maven_context(place), jar)

    def _fetch(self, jars: list[Jar], progress: Callable[[int], None]) -> None:
        """Download jars into the folder; *progress* is called with the number of those done."""
        self.folder.mkdir(exist_ok=True)
        with staging(self._base) as place:
            pool = ThreadPoolExecutor(_AT_ONCE)
            try:
                paths = pool.map(partial(_download, _maven_context(place)), jars)
                for done, (jar, path) in enumerate(zip(jars, paths, strict=True), 1):
                    path.replace(self.path(jar))
                    progress(done)
            finally:
                # After one failure the others would fail the same way, slowly.
                pool.shutdown(cancel_futures=True)

    def _stamp(self, jar: Jar, known: dict[str, Stamp]) -> Stamp | None:
        path = self.path(jar)
        try:
            stat = path.stat()
            stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, jar.sha256)
            if known.get(jar.filename) == stamp or jar.is_in(path):
                return stamp
        except OSError:
            pass
        return None

    def _read_stamps(self) -> dict[str, Stamp]:
        try:
            return msgspec.json.decode(self._stamps_path.read_bytes(), type=dict[str, Stamp])
        except (OSError, msgspec.MsgspecError):
            return {}
