"""Lines on their way to a service, which is one in memory."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engage.commands.imports import told_lines
from engage.deliveries import Delivery, RestartPoint, Way, in_batches, rehearse, send
from engage.importing import Line
from loadgen.progress import silent


@dataclass(frozen=True)
class Service(Way):
    """Refuses what says ``wrong``, with these codes, and authors that nobody sent before."""

    taken: list[Any] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)

    def post(self, bodies: Sequence[bytes], query: str = "") -> list[dict[str, Any]]:
        things = [json.loads(body) for body in bodies]
        self.queries.append(query)
        self.taken.extend(thing for thing in things if "wrong" not in thing)
        wrong = [
            {"index": index, "error": code, "detail": "why"}
            for index, thing in enumerate(things)
            for code in thing.get("wrong", ())
        ]
        authors = [
            {"index": index, "error": "unknown_author"}
            for index, thing in enumerate(things)
            if "author" in thing
        ]
        return wrong + authors


def service() -> Service:
    return Service("http://service", "/lines", None)


def lines(*things: Any) -> list[Line]:
    return [Line(number, json.dumps(thing).encode()) for number, thing in enumerate(things, 2)]


def rehearsed(*things: Any) -> Delivery:
    return rehearse(lines(*things), service(), len(things), silent)


def test_every_fault_of_a_line_is_told_and_the_line_counted_once() -> None:
    found = rehearsed({"id": 1}, {"wrong": ["bad_time", "bad_type"]}, {"wrong": ["bad_time"]})

    assert found.faults == [(3, "bad_time: why"), (3, "bad_type: why"), (4, "bad_time: why")]
    assert (found.lines, found.refused) == (3, {3, 4})


def test_a_rehearsal_asks_for_one() -> None:
    asked = service()
    rehearse(lines({"id": 1}), asked, 1, silent)

    assert asked.queries == ["?dry_run=1"]


def test_an_author_whom_the_file_brings_is_not_missing_in_a_rehearsal() -> None:
    post = {"kind": "post", "id": "p"}
    found = rehearsed(
        {"kind": "author", "id": "ann"},
        {"kind": "author", "id": 7, "external_id": "bob"},
        {**post, "id": "a", "author": "ann"},
        {**post, "id": "b", "author": "bob"},
        {**post, "id": "c", "author": "cy"},
    )

    assert found.faults == [(6, "unknown_author")]


def test_a_thing_that_stands_in_the_file_twice_is_told() -> None:
    again = {"kind": "post", "id": "a"}
    found = rehearsed(again, {"kind": "author", "id": "a"}, again)

    assert found.refused == {4}
    assert "line 2 has it" in found.faults[0][1]


def test_what_cannot_be_sent_is_told_and_the_rest_sent() -> None:
    asked, noted = service(), list[int]()
    batch = [*lines({"id": 1}, {"id": 2}), Line(4, b"{}", "has too many cells")]
    found = send(batch, asked, 3, silent, noted.append)

    assert asked.taken == [{"id": 1}, {"id": 2}]
    assert found.faults == [(4, "has too many cells")]
    assert noted == []


def test_how_far_all_was_well_is_noted_so_that_no_refused_line_is_passed_over() -> None:
    noted = list[int]()
    things: list[Any] = [{"id": n} for n in range(1_200)]
    things[700]["wrong"] = ["bad_time"]
    found = send(lines(*things), service(), 1_200, silent, noted.append)

    assert found.refused == {702}
    assert noted == [501]


def test_a_batch_has_neither_too_many_lines_nor_too_many_bytes() -> None:
    small = [Line(number, b"{}") for number in range(1, 1201)]
    large = [Line(number, b"x" * 200_000) for number in range(1201, 1206)]

    batches = list(in_batches([*small, *large]))

    assert [line for batch in batches for line in batch] == [*small, *large]
    assert max(map(len, batches)) == 500
    assert max(sum(len(line.body) for line in batch) for batch in batches) < 1024 * 1024


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(("http://service", "post"), id="as something else"),
        pytest.param(("http://other", "author"), id="to another service"),
    ],
)
def test_an_interrupted_import_goes_on_where_it_was_and_a_finished_one_begins_anew(
    tmp_path: Path, other: tuple[str, str]
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n", encoding="utf-8")
    point = RestartPoint(tmp_path, file, "http://service", "author")
    assert point.line() == 0

    point.note(500)
    assert RestartPoint(tmp_path, file, "http://service", "author").line() == 500
    assert RestartPoint(tmp_path, file, *other).line() == 0
    point.clear()
    assert point.line() == 0


def test_a_file_that_changed_since_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n", encoding="utf-8")
    RestartPoint(tmp_path, file).note(500)
    file.write_text("id\n1\n2\n", encoding="utf-8")

    assert RestartPoint(tmp_path, file).line() == 0


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([7], "line 7"),
        ([2, 3, 4, 9], "lines 2-4, 9"),
        (list(range(2, 60, 2)), "lines 2, 4, 6, 8, 10, 12, 14, 16 and 21 more"),
    ],
)
def test_lines_are_named_in_ranges(numbers: list[int], told: str) -> None:
    assert told_lines(numbers) == told
