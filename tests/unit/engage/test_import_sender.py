"""Lines are sent to a fake service."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engage.commands.imports import line_ranges
from engage.import_file import Line
from engage.import_sender import Delivery, Endpoint, Fault, RestartPoint, dry_run, in_batches, send
from runtime.progress import silent


@dataclass(frozen=True)
class Service(Endpoint):
    """Rejects lines with ``wrong`` with these codes, and lines with an unknown author."""

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
    return Service("http://service/lines", None)


def lines(*things: Any) -> list[Line]:
    return [Line(number, json.dumps(thing).encode()) for number, thing in enumerate(things, 2)]


def dry_run_of(*things: Any) -> tuple[Delivery, list[Fault]]:
    faults: list[Fault] = []
    found = dry_run(lines(*things), service(), len(things), silent, report=faults.extend)
    return found, faults


def test_every_fault_of_a_line_is_reported_and_the_line_counted_once() -> None:
    found, faults = dry_run_of(
        {"id": 1}, {"wrong": ["bad_time", "bad_type"]}, {"wrong": ["bad_time"]}
    )

    assert faults == [(3, "bad_time: why"), (3, "bad_type: why"), (4, "bad_time: why")]
    assert found == Delivery(3, 2)


class ServiceWithFewDetails(Service):
    """Gives details of the first hundred errors only."""

    def post(self, bodies: Sequence[bytes], query: str = "") -> list[dict[str, Any]]:
        errors = super().post(bodies, query)
        for error in errors[100:]:
            del error["detail"]
        return errors


@pytest.mark.parametrize("is_dry_run", [True, False], ids=["dry run", "import"])
def test_every_bad_line_is_explained_however_many_there_are(is_dry_run: bool) -> None:
    faults: list[Fault] = []
    asked, things = (
        ServiceWithFewDetails("http://service/lines", None),
        lines(*[{"wrong": ["bad_time"]}] * 1_000),
    )
    if is_dry_run:
        found = dry_run(things, asked, 1_000, silent, report=faults.extend)
    else:
        found = send(things, asked, 1_000, silent, report=faults.extend, checkpoint=lambda _: None)

    assert faults == [(number, "bad_time: why") for number in range(2, 1_002)]
    assert found == Delivery(1_000, 1_000)
    assert asked.queries.count("") == (0 if is_dry_run else 2)


def test_dry_run_requests_a_dry_run() -> None:
    asked = service()
    dry_run(lines({"id": 1}), asked, 1, silent, report=lambda _: None)

    assert asked.queries == ["?dry_run=1"]


def test_author_of_the_file_is_known_in_a_dry_run() -> None:
    post = {"kind": "post", "id": "p"}
    _, faults = dry_run_of(
        {"kind": "author", "id": "ann"},
        {"kind": "author", "id": 7, "external_id": "bob"},
        {**post, "id": "a", "author": "ann"},
        {**post, "id": "b", "author": "bob"},
        {**post, "id": "c", "author": "cy"},
    )

    assert faults == [(6, "unknown_author")]


def test_repeated_id_is_reported() -> None:
    again = {"kind": "post", "id": "a"}
    _, [(number, sentence)] = dry_run_of(again, {"kind": "author", "id": "a"}, again)

    assert number == 4
    assert "line 2 has the same ID" in sentence


def test_line_that_cannot_be_sent_is_reported_and_others_sent() -> None:
    asked, noted = service(), list[int]()
    batch = [*lines({"id": 1}, {"id": 2}), Line(4, b"{}", "has too many cells")]
    faults: list[Fault] = []
    send(batch, asked, 3, silent, report=faults.extend, checkpoint=noted.append)

    assert asked.taken == [{"id": 1}, {"id": 2}]
    assert faults == [(4, "has too many cells")]
    assert noted == []


def test_checkpoints_end_at_the_first_rejected_line() -> None:
    noted = list[int]()
    things: list[Any] = [{"id": n} for n in range(1_200)]
    things[700]["wrong"] = ["bad_time"]
    faults: list[Fault] = []
    send(lines(*things), service(), 1_200, silent, report=faults.extend, checkpoint=noted.append)

    assert [number for number, _ in faults] == [702]
    assert noted == [501]


def test_batch_has_neither_too_many_lines_nor_too_many_bytes() -> None:
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
def test_restart_point_lasts_until_the_import_is_complete(
    tmp_path: Path, other: tuple[str, str]
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n", encoding="utf-8")
    point = RestartPoint(tmp_path, file, "http://service", "author")
    assert point.line() == 0

    point.write(500)
    assert RestartPoint(tmp_path, file, "http://service", "author").line() == 500
    assert RestartPoint(tmp_path, file, *other).line() == 0
    point.clear()
    assert point.line() == 0


def test_changed_file_has_no_restart_point(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n", encoding="utf-8")
    RestartPoint(tmp_path, file).write(500)
    file.write_text("id\n1\n2\n", encoding="utf-8")

    assert RestartPoint(tmp_path, file).line() == 0


@pytest.mark.parametrize(
    ("numbers", "ranges"),
    [
        ([7], "line 7"),
        ([2, 3, 4, 9], "lines 2-4, 9"),
        (list(range(2, 24, 2)), "lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22"),
    ],
)
def test_lines_are_named_in_ranges(numbers: list[int], ranges: str) -> None:
    assert line_ranges(numbers) == ranges
