"""Kafka's own jars and the dashboard's chart library, kept for each user.

Nothing is run or read whose hash is not the lock file's.
"""

import shutil
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from engage.embedded.cache import cache_folder, locked
from engage.embedded.downloads import STEP, Download
from engage.embedded.files import staging, write_whole
from engage.embedded.jar_lock import Jar, locked_jars, refusal
from engage.embedded.progress import Report, silent

WEBJARS: Final = "org.webjars"
CHART_LIBRARY: Final = "uplot"
_AT_ONCE: Final = 4

Stamp = tuple[int, int, int, str]
"""Size in bytes, times of the last change to content and to anything (ns), sha256."""


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
                    raise refusal(broken.pop())
        report(STEP, 1.0)

    def try_download(self) -> None:
        """Download one missing jar and throw it away, to see that it can be had.

        Raises:
            DownloadFailed, JarRefused: as ``ensure``.
        """
        smallest_first = sorted(self.missing(), key=lambda jar: jar.artifact != "jspecify")
        with staging(self._base) as place:
            for jar in smallest_first[:1]:
                Download(place, 1, silent).fetch(jar)

    def _fetch(self, jars: list[Jar], report: Report) -> None:
        self.folder.mkdir(exist_ok=True)
        with staging(self._base) as place:
            download = Download(place, len(jars), report)
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
