"""Downloading jars by jgo's resolver.

Its settings for mirrors and the environment's for proxies and certificates hold.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

from engage.embedded.errors import DownloadFailed, explain_os_error
from engage.embedded.jar_lock import Jar, refusal
from engage.embedded.progress import Report

STEP: Final = "Kafka's jars"
_TIMEOUT_SECONDS: Final = 15
_ATTEMPTS: Final = 3


class Download:
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
        if not jar.is_in(path):
            raise refusal(jar)
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
