from datetime import UTC, datetime

import pytest

from runtime.settings import TimeZoneSettings
from schema.errors import SetupError
from schema.time_zones import known_zones, zone_of

NO_ZONES = [
    "localtime", "posixrules", "Factory", "leapseconds", "posix/Europe/Vienna", "right/UTC",
    "europe/vienna", "EUROPE/VIENNA", "utc", "Etc/Unknown", "UTC+2", "GMT+2", "<+03>-3", "", " UTC",
    "../UTC", "/etc/localtime", "Europe", "Europe/Vienna\0",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_ZONES)
def test_names_that_are_not_zones_to_both_are_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="IANA"):
        zone_of(name)
    if "\0" not in name:
        monkeypatch.setenv("ENGAGE_TIME_ZONE", name)
        with pytest.raises(SetupError, match="ENGAGE_TIME_ZONE"):
            TimeZoneSettings.load()


@pytest.mark.parametrize("name", ["CET", "EET", "MET", "WET"])
def test_zones_that_postgresql_takes_for_winter_time_keep_their_summer_time(name: str) -> None:
    winter, summer = (datetime(2026, month, 15, tzinfo=UTC) for month in (1, 7))
    zone = zone_of(name)

    assert zone.key != name
    assert winter.astimezone(zone).utcoffset() != summer.astimezone(zone).utcoffset()


def test_all_other_zones_keep_their_names() -> None:
    assert {"UTC", "Europe/Vienna", "Asia/Kathmandu", "Etc/GMT+5"} <= known_zones()
    renamed = {name for name in known_zones() if zone_of(name).key != name}
    assert renamed == {"CET", "EET", "MET", "WET"} & known_zones()
