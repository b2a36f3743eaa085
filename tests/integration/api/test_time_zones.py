"""Every report in every time zone, and in zones that PostgreSQL does not have."""

import asyncio
import shutil
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from urllib.parse import quote

import pytest

from schema.time_zones import known_zones, zone_of
from tests.integration.api.conftest import Api, row

FOREIGN = "Mars/Olympus"
SAMPLE = (
    "CET", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "America/St_Johns",
    "Etc/GMT+12", "Pacific/Kiritimati", "GB", "UCT",
)  # fmt: skip
NO_ZONES = ("localtime", "Factory", "europe/vienna", "posix/UTC", "Etc/Unknown", "", "GMT+2")
NEEDED = {"/reports/series": "interval=hour", "/reports/audience": "by=country"}


async def status_and_code(api: Api, path: str) -> tuple[int, str]:
    """Return how a report is answered, once the service knows the state of the data."""
    async with asyncio.timeout(120):
        while True:
            answer = await api.get(path)
            if answer.status == 200:
                return 200, ""
            code = (await answer.json(content_type=None))["code"]
            if answer.status != 503:
                return answer.status, code
            await asyncio.sleep(0.2)


@pytest.fixture
async def reports(api: Api) -> list[str]:
    """The paths of all reports that take a time zone."""
    await api.store([row(post, days_ago=days) for post in (1, 2) for days in (0, 1, 8)])
    await api.connection.execute("SELECT refresh_engagement_stats()")
    paths = (await api.json("/openapi.json"))["paths"]
    found = []
    for path, operations in paths.items():
        names = [each["name"] for each in operations.get("get", {}).get("parameters", [])]
        if "tz" in names:
            report = path.replace("{dimension}", "category").replace("{author_id}", "1")
            found.append(f"{report}?{NEEDED.get(report, '')}&tz=")
    assert len(found) >= 10
    return found


async def test_zones_of_python_and_postgresql_agree(api: Api) -> None:
    # Moments whose clocks newer time zone data do not change.
    moments = [datetime(2015, month, 15, 12, tzinfo=UTC) for month in (1, 4, 7, 10)]
    differing = {}
    for name in sorted(known_zones()):
        zone = zone_of(name)
        found = await api.connection.fetch(
            "SELECT moment AT TIME ZONE $1 AS local FROM unnest($2::timestamptz[]) AS moment",
            zone.key,
            moments,
        )
        expected = [moment.astimezone(zone).replace(tzinfo=None) for moment in moments]
        if [each["local"] for each in found] != expected:
            differing[name] = found

    assert differing == {}


async def test_reports_accept_every_zone(api: Api, reports: list[str]) -> None:
    for name in SAMPLE:
        for report in reports:
            found = await status_and_code(api, report + quote(name))
            assert found == (200, ""), (report, name)
    for name in known_zones():
        found = await status_and_code(api, f"/reports/series?period=7d&tz={quote(name)}")
        assert found == (200, ""), name


async def test_reports_reject_unknown_zones(api: Api, reports: list[str]) -> None:
    for name in NO_ZONES:
        for report in reports:
            found = await status_and_code(api, report + quote(name))
            assert found == (422, "unknown_time_zone"), (report, name)


@pytest.fixture
def zone_of_python_alone(tmp_path: Path) -> Iterator[None]:
    """Let Python know a zone that PostgreSQL does not know."""
    with as_file(files("tzdata").joinpath("zoneinfo", "UTC")) as source:
        target = tmp_path / "zones" / FOREIGN
        target.parent.mkdir(parents=True)
        shutil.copy(source, target)
    path = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[str(tmp_path / "zones"), *path])
    known_zones.cache_clear()
    yield
    zoneinfo.reset_tzpath(to=path)
    zoneinfo.ZoneInfo.clear_cache()
    known_zones.cache_clear()


@pytest.mark.usefixtures("zone_of_python_alone")
async def test_reports_reject_a_zone_that_postgresql_does_not_have(
    api: Api, reports: list[str]
) -> None:
    assert FOREIGN in known_zones()
    found = {report: await status_and_code(api, report + FOREIGN) for report in reports}

    # Those that need no calendar of PostgreSQL are answered in any zone of Python's.
    assert set(found.values()) <= {(200, ""), (422, "unknown_time_zone")}, found
    assert (422, "unknown_time_zone") in found.values()
