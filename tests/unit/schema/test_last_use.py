import asyncio
import os
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schema.http.last_use import LastUse, folder_of, last_uses


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


async def written(path: Path, key_id: str) -> datetime:
    deadline = time.monotonic() + 10
    while key_id not in (found := last_uses(path)):
        assert time.monotonic() < deadline, "the use was not written in time"
        await asyncio.sleep(0.01)
    return found[key_id]


def age(path: Path) -> None:
    for file in folder_of(path).iterdir():
        os.utime(file, (1, 1))


async def test_a_use_is_written_soon_and_private(path: Path) -> None:
    before = datetime.now(UTC)
    uses = LastUse(path, "ingest", first_write_seconds=0.0)
    assert last_uses(path) == {}
    uses.note("a")

    assert before <= await written(path, "a") <= datetime.now(UTC)
    [file] = folder_of(path).iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    uses.close()


async def test_later_uses_wait_but_the_end_writes_them(path: Path) -> None:
    uses = LastUse(path, "ingest", first_write_seconds=0.0)
    uses.note("a")
    first = await written(path, "a")
    uses.note("a")
    uses.note("b")
    assert last_uses(path) == {"a": first}
    uses.close()

    found = last_uses(path)
    assert set(found) == {"a", "b"}
    assert found["a"] > first


async def test_processes_write_apart_and_the_latest_use_counts(path: Path) -> None:
    one, two = LastUse(path, "ingest"), LastUse(path, "ingest")
    one.note("a")
    one.close()
    early = last_uses(path)["a"]
    two.note("a")
    two.close()

    assert len(list(folder_of(path).iterdir())) == 2
    assert early < last_uses(path)["a"] < early + timedelta(seconds=60)


async def test_a_new_process_takes_over_what_ended_ones_left(path: Path) -> None:
    ended = LastUse(path, "ingest")
    ended.note("a")
    ended.close()
    kept = last_uses(path)["a"]
    age(path)

    fresh = LastUse(path, "ingest", first_write_seconds=0.0, write_seconds=0.0)
    fresh.note("b")
    await written(path, "b")
    fresh.note("c")
    await written(path, "c")
    fresh.close()

    assert len(list(folder_of(path).iterdir())) == 1
    assert last_uses(path)["a"] == kept


async def test_where_nothing_can_be_written_nothing_breaks(path: Path) -> None:
    folder_of(path).write_text("in the way", encoding="utf-8")  # a folder root cannot make either
    uses = LastUse(path, "ingest")
    uses.note("a")
    uses.close()

    assert last_uses(path) == {}


async def test_a_damaged_file_is_as_good_as_none(path: Path) -> None:
    uses = LastUse(path, "ingest")
    uses.note("a")
    uses.close()
    (folder_of(path) / "read-0.json").write_text("{", encoding="utf-8")

    assert set(last_uses(path)) == {"a"}
