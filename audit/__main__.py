"""``python -m audit``: exit 1 on findings, 3 when something could not be checked."""

import argparse
import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from audit import exceptions, parts, releases
from audit.parts import Part

_UNREACHABLE_CLUE: Final = "could not be audited"
_LINE: Final = 2


class Report:
    """Findings, printed as they are added."""

    def __init__(self) -> None:
        self._accepted = exceptions.read()
        self._today = dt.datetime.now(dt.UTC).date()
        self.findings = 0
        self.unchecked = 0

    def find(self, part: Part, what: str) -> None:
        """Count a finding, unless it is accepted."""
        if why := exceptions.reason(part, self._accepted, self._today):
            print(f"accepted   {part.name} {part.version}: {what} ({why})")
            return
        self.findings += 1
        print(f"FOUND      {part.name} {part.version} in {part.place}: {what}")

    def cannot_check(self, what: str, why: str) -> None:
        """Count a check that could not be made."""
        self.unchecked += 1
        print(f"UNCHECKED  {what}: {why}")


def main() -> int:
    """Check the kinds of parts that were asked for, by default all of them."""
    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__)
    parser.add_argument("--pip-audit", default=".audit/bin/pip-audit", help="the program")
    parser.add_argument(
        "--without-advisories",
        action="store_true",
        help="compare releases only, where the advisory service cannot be reached",
    )
    options = parser.parse_args()
    report = Report()
    for lock in parts.python_locks():
        if options.without_advisories or not _check_advisories(lock, options.pip_audit, report):
            _guarded(report, lock.name, _outdated_packages(lock))
    for kind, outdated in (("jars", _outdated_jars()), ("images", _outdated_images(report))):
        _guarded(report, kind, outdated)
    print(f"{report.findings} findings, {report.unchecked} checks not made")
    return 1 if report.findings else 3 if report.unchecked else 0


def _guarded(report: Report, name: str, outdated: Iterator[tuple[Part, str]]) -> None:
    try:
        checked = list(outdated)
    except releases.Unreachable as error:
        report.cannot_check(f"releases of {name}", str(error))
        return
    for part, newer in checked:
        report.find(part, f"{newer} is the newest release of its line")
    print(f"checked    releases of {name}")


def _check_advisories(lock: Path, program: str, report: Report) -> bool:
    """Ask PyPI's vulnerability service about a lock file. False: it does not answer."""
    command = [program, "--strict", "--disable-pip", "--require-hashes", "-r", str(lock)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    output = (answer.stdout + answer.stderr).strip()
    if answer.returncode == 0:
        print(f"checked    advisories of {lock.name}")
    elif _UNREACHABLE_CLUE in output or not answer.stdout.strip():
        report.cannot_check(f"advisories of {lock.name}", output.splitlines()[-1])
        return False
    else:
        report.find(Part(f"lock:{lock.name}", "", lock.name), f"advisories\n{output}")
    return True


def _outdated_packages(lock: Path) -> Iterator[tuple[Part, str]]:
    pins = parts.pins(lock)
    wanted = [
        f"{name}>={version},<{_next_line(version)} {marker}" for name, version, marker in pins
    ]
    found = releases.newest_patches("\n".join(wanted) + "\n")
    newest = list(_pairs(found))
    for name, version, _ in pins:
        part = Part(f"python:{name}", version, lock.name)
        released = [found for other, found in newest if other == name]
        if newer := releases.newest(part, released, _LINE):
            yield part, newer


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, separator, rest = line.partition("==")
        if separator:
            yield name.partition("[")[0].strip(), rest.split()[0]


def _next_line(version: str) -> str:
    major, minor, *_ = (*releases.numbers(version), 0)
    return f"{major}.{minor + 1}.dev0"


def _outdated_jars() -> Iterator[tuple[Part, str]]:
    jars = parts.jars()
    names = [part.name.split(":")[1:] for part in jars]
    with ThreadPoolExecutor(4) as pool:
        versions = pool.map(lambda name: releases.maven(*name), names)
        for part, released in zip(jars, versions, strict=True):
            if newer := releases.newest(part, released, _LINE):
                yield part, newer


def _outdated_images(report: Report) -> Iterator[tuple[Part, str]]:
    for part in parts.images():
        known = releases.image(part)
        if known is None:
            report.find(part, "nothing here names its releases")
        elif newer := releases.newest(part, *known):
            yield part, newer


if __name__ == "__main__":
    sys.exit(main())
