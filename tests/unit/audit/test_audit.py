"""The audit covers every locked part, and finds the newest release of its line."""

import datetime as dt
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from audit import exceptions, parts, releases
from audit.digests import pinned
from audit.parts import Part
from engage.embedded.jars import LOCK_FILE

ROOT = Path(__file__).parents[3]
LOCK_NAMES = re.compile(r"\.lock(\.toml)?$|(^|/)(package-lock\.json|pnpm-lock\.yaml|go\.sum)$")
IMAGE_LINES = re.compile(
    r"^\s*(?:- )?(?:image:|FROM|ARG \w*IMAGE=)\s*[\"']?([\w./-]+:[\w.-]*\d[\w.-]*)", re.MULTILINE
)


def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout")
    return listed.stdout.splitlines()


def test_audit_covers_every_lock_file_and_each_of_its_packages() -> None:
    locks = {name for name in tracked_files() if LOCK_NAMES.search(name)}
    python_locks = parts.python_locks()
    covered = {path.relative_to(parts.ROOT).as_posix() for path in (*python_locks, LOCK_FILE)}

    assert locks == covered
    for lock in python_locks:
        lines = [line for line in lock.read_text().splitlines() if re.match(r"\w", line)]
        assert len(parts.pins(lock)) == len(lines) > 0


def test_audit_covers_every_image_that_a_file_names() -> None:
    covered = {f"{part.name.removeprefix('image:')}:{part.version}" for part in parts.images()}
    named = set()
    for path in (ROOT / name for name in tracked_files()):
        if path.suffix not in {".md", ".png", ".svg"} and path.is_file():
            named |= set(IMAGE_LINES.findall(path.read_text(errors="replace")))

    assert {"apache/kafka", "postgres", "python"} <= {name.partition(":")[0] for name in named}
    assert named <= covered


@pytest.mark.parametrize("part", parts.images(), ids=lambda part: f"{part.name} {part.place}")
def test_image_has_a_version_and_known_releases_or_an_exception(part: Part) -> None:
    accepted = exceptions.reason(part, exceptions.read(), dt.date(2026, 11, 29))

    assert releases.numbers(part.version)
    assert part.name.removeprefix("image:") in releases.IMAGES or accepted


def test_exceptions_are_about_existing_parts_and_have_a_reason() -> None:
    existing = {(part.name, part.version) for part in (*parts.jars(), *parts.images())}
    for lock in parts.python_locks():
        existing |= {(f"python:{name}", version) for name, version, _ in parts.pins(lock)}

    for entry in exceptions.read():
        assert (entry.part, entry.version) in existing
        assert entry.reason


@pytest.mark.parametrize(
    ("version", "day", "reason"),
    [("1.0", 30, "a reason"), ("1.0", 31, None), ("1.1", 30, None)],
)
def test_exception_ends_after_its_day_and_is_for_one_version(
    version: str, day: int, reason: str | None
) -> None:
    entry = exceptions.Exemption("jar:a:b", "1.0", "a reason", dt.date(2026, 7, 30))

    found = exceptions.reason(Part("jar:a:b", version, ""), [entry], dt.date(2026, 7, day))
    assert found == reason


@pytest.mark.parametrize(
    ("version", "released", "line", "newer"),
    [
        ("1.2.3", ["1.2.4", "1.2.10", "1.3.0"], 2, "1.2.10"),
        ("1.2.3", ["1.2.2", "1.2.3", "1.3.0"], 2, None),
        ("1.2.3", ["1.2.4-rc1", "1.2.4b2"], 2, None),
        ("1.5.7-17", ["1.5.7-9", "1.5.7-28"], 2, "1.5.7-28"),
        ("2026.10.18", ["2026.10.19.post1"], 2, "2026.10.19.post1"),
        ("18.6", ["18.6.0", "17.9.0"], 1, None),
        ("18.4", ["18.6.0", "19.0.0"], 1, "18.6.0"),
        ("3.13.16-slim-trixie", ["3.13.18", "3.14.1"], 2, "3.13.18"),
        ("v3.15.0", ["3.14.0"], 1, None),
        ("5", ["5.0.1", "5.1"], 2, "5.0.1"),
    ],
)
def test_newest_release_of_a_line_is_found(
    version: str, released: list[str], line: int, newer: str | None
) -> None:
    assert releases.newest(Part("jar:a:b", version, ""), released, line) == newer


def test_prometheus_releases_are_read_from_those_of_its_library() -> None:
    assert releases._prometheus("0.315.1") == "3.15.1"
    assert releases._prometheus("0.305.0") == "3.5.0"


def test_digest_override_names_every_image_by_digest() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    override = pinned(services, lambda reference: f"sha256:{len(reference):064x}")["services"]

    assert set(override) == set(services)
    for service in override.values():
        reference = service.get("image") or service["build"]["args"]["PYTHON_IMAGE"]
        assert re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", reference)
