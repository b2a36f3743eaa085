"""Files as lines that the services take."""

import json
from pathlib import Path
from typing import Any

import pytest

from engage.commands_import import in_batches
from engage.importing import (
    Line,
    faults,
    identified,
    judge_catalogue,
    judge_event,
    of_kind,
    read,
)
from schema.errors import SetupError


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def things(path: Path) -> list[Any]:
    return [json.loads(line.body) for line in read(path)]


def test_cells_become_what_they_stand_for_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    text = 'id,author_id,title,tags,has_media,language\n7,3,"a, b",ai; open source,yes,\n'

    assert things(written(tmp_path, "posts.csv", text)) == [
        {
            "id": 7,
            "author_id": 3,
            "title": "a, b",
            "tags": ["ai", "open source"],
            "has_media": True,
        }
    ]


def test_texts_stay_texts_even_if_they_look_like_numbers(tmp_path: Path) -> None:
    assert things(written(tmp_path, "a.csv", "title,author\n2026,42\n")) == [
        {"title": "2026", "author": "42"}
    ]


def test_blank_lines_of_ndjson_are_nothing(tmp_path: Path) -> None:
    lines = list(read(written(tmp_path, "a.ndjson", '\n{"id":1}\n\n{"id":2}')))

    assert [line.number for line in lines] == [2, 4]


@pytest.mark.parametrize("name", ["posts.xlsx", "missing.csv"])
def test_what_cannot_be_read_is_a_mistake_of_the_callers(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupError, match=name):
        list(read(tmp_path / name))


def test_the_same_file_gives_the_same_identities(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "e.csv",
        "post,type,engaged_timestamp,event_id\n"
        "a,view,2026-01-01T00:00:00Z,\n"
        "b,view,2026-01-01T00:00:00Z,\n"
        "b,view,2026-01-01T00:00:00Z,e7c1745c-cd4a-4c19-87e4-45face935938\n",
    )
    once, again = (
        [json.loads(line.body)["event_id"] for line in identified(read(path))] for _ in "12"
    )

    assert once == again
    assert len(set(once)) == 3
    assert once[2] == "e7c1745c-cd4a-4c19-87e4-45face935938"


def test_a_dry_run_tells_everything_that_is_wrong_with_a_catalogue(tmp_path: Path) -> None:
    header = "id,name,author_category,joined_date"
    text = f"{header}\n1,Ann,Tech,2026-01-31\n2,,,yesterday\n0,B,C,2026-01-31\n"
    lines = of_kind(read(written(tmp_path, "a.csv", text)), "author")
    found = dict(faults(lines, judge_catalogue))

    assert set(found) == {3, 4}
    assert all(name in found[3] for name in ("name", "author_category", "joined_date"))
    assert found[4].startswith("invalid_id")


def test_a_dry_run_judges_events_as_ingest_does(tmp_path: Path) -> None:
    text = "post_id,type,engaged_timestamp\n1,view,\n1,smile,2026-01-01T00:00:00Z\n"
    found = dict(faults(identified(read(written(tmp_path, "e.csv", text))), judge_event))

    assert found[2].startswith("timestamp_required")
    assert found[3].startswith("invalid_type")


def test_a_batch_has_neither_too_many_lines_nor_too_many_bytes() -> None:
    small = [Line(number, b"{}") for number in range(1, 1201)]
    large = [Line(number, b"x" * 200_000) for number in range(1201, 1206)]

    batches = list(in_batches([*small, *large]))

    assert [line for batch in batches for line in batch] == [*small, *large]
    assert max(map(len, batches)) == 500
    assert max(sum(len(line.body) for line in batch) for batch in batches) < 1024 * 1024
