"""Files are read as lines that the services accept."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from engage.import_file import as_object, identified, of_kind, read
from schema.errors import SetupError
from schema.event import Draft
from tests.external_ids import EXTERNAL_IDS

COLUMNS = (
    *("id", "author_id", "author", "title", "tags", "has_media", "language"),
    *("post", "user", "type", "engaged_timestamp", "event_id"),
)

COLUMNS_OF_EVENTS = Draft.__struct_fields__


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def things(path: Path) -> list[Any]:
    return [json.loads(line.body) for line in read(path, COLUMNS)]


def test_cells_are_converted_and_empty_ones_omitted(tmp_path: Path) -> None:
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
    assert things(written(tmp_path, "a.csv", "title\n2026\n")) == [{"title": "2026"}]


def test_id_of_digits_is_a_number_wherever_it_stands(tmp_path: Path) -> None:
    text = "id,author,post,user\n7,8,9,10\nslug,ann,a-1,u\n007,08,09,010\n"

    assert things(written(tmp_path, "a.csv", text)) == [
        {"id": 7, "author_id": 8, "post_id": 9, "user_id": 10},
        {"id": "slug", "author": "ann", "post": "a-1", "user": "u"},
        {"id": "007", "author": "08", "post": "09", "user": "010"},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_of_a_spreadsheet_is_parsed(tmp_path: Path, delimiter: str) -> None:
    cells = ["id", "title", "tags"], ["größe", '"Über ""Größe"", 1\n2. Zeile"', '"a;b"']
    text = "\ufeff" + "\r\n".join(delimiter.join(row) for row in cells)

    assert things(written(tmp_path, "a.csv", text)) == [
        {"id": "größe", "title": 'Über "Größe", 1\n2. Zeile', "tags": ["a", "b"]}
    ]


def test_row_with_too_many_cells_is_a_fault(tmp_path: Path) -> None:
    lines = list(read(written(tmp_path, "a.csv", "id,title\n1,a,b\n2,c\n3\n"), COLUMNS))

    assert [line.number for line in lines if line.fault] == [2]
    assert json.loads(lines[2].body) == {"id": 3}


def test_blank_lines_are_skipped(tmp_path: Path) -> None:
    ndjson = written(tmp_path, "a.ndjson", '\n{"id":1}\n\n{"id":2}')
    csv = written(tmp_path, "a.csv", "id\n\n1\n\n2\n")

    assert [line.number for line in read(ndjson, COLUMNS)] == [2, 4]
    assert [line.number for line in read(csv, COLUMNS)] == [3, 5]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("a.xlsx", "", "ends in", id="another kind of file"),
        pytest.param("a.csv", "", "empty", id="no header"),
        pytest.param("a.csv", "id,titel\n1,a\n", "'titel'.*title", id="an unknown column"),
        pytest.param("a.csv", "id,id\n1,2\n", "more than one", id="a column twice"),
        pytest.param("a.csv", 'id,"title\n1,a\n', "line 1.*quotes", id="an open quote"),
    ],
)
def test_invalid_file_raises_before_its_lines(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(SetupError, match=message) as caught:
        things(written(tmp_path, name, text))

    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson"])
def test_line_that_is_not_utf_8_is_one_fault(tmp_path: Path, name: str) -> None:
    text = (
        "id,title\n1,gro\xdfe\n2,b\n" if name == "a.csv" else '{"id":1}\n{"id":"\xdf"}\n{"id":2}\n'
    )
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    lines = list(read(path, COLUMNS))

    assert [line.number for line in lines if line.fault] == [2]
    assert [as_object(line)["id"] for line in lines if not line.fault][-1] == 2  # type: ignore[index]
    assert "not_utf8" in str([line.fault for line in lines])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        pytest.param('1,"a\n2,b\n3,c\n', [2], id="open to the end"),
        pytest.param('1,a\n2,"\n3,c\n', [3], id="alone in its cell"),
        pytest.param('1,"a" b\n2,b\n', [2], id="text behind it"),
        pytest.param('1,"a\n2,"b"\n3,c\n', [2], id="before a good one"),
        pytest.param('"1,a\n2,b\n"3,c\n4,d\n', [2, 4], id="two"),
        pytest.param('1,"a\n2,b"\n3,c\n', [], id="a cell of two lines"),
        pytest.param('1,"a\n2,b\n"3",c\n4,"d\n', [2, 5], id="cells of the wrong number"),
        pytest.param('1,"a\n' + "2,b\n" * 50_000 + '3,"c"\n', [2], id="far from the next one"),
        pytest.param("1,a,b\n2,c\n", [2], id="too many cells"),
    ],
)
def test_one_bad_line_of_a_csv_is_one_fault(tmp_path: Path, text: str, wrong: list[int]) -> None:
    path = written(tmp_path, "a.csv", "id,title\n" + text)
    lines = list(read(path, COLUMNS))
    read_lines = {line.number for line in lines}

    assert [line.number for line in lines if line.fault] == wrong
    assert read_lines == set(range(2, max(read_lines) + 1)) - ({3} if not wrong else set())


def test_lines_of_events_never_span_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'post,type\na,"view\nb,view"\nc,view\n')
    lines = list(read(path, COLUMNS, may_span_lines=False))

    assert [line.number for line in lines if line.fault] == [2]
    assert [as_object(line) for line in lines[1:]] == [
        {"post": "b", "type": 'view"'},
        {"post": "c", "type": "view"},
    ]


def test_line_too_long_to_be_sent_is_one_fault(tmp_path: Path) -> None:
    path = written(tmp_path, "a.ndjson", '{"id":1}\n{"id":"%s"}\n{"id":2}\n' % ("x" * 600_000))

    assert [line.number for line in read(path, COLUMNS) if line.fault] == [2]


@pytest.mark.parametrize("text", EXTERNAL_IDS)
def test_external_ids_of_files_are_kept(tmp_path: Path, text: str) -> None:
    rows = io.StringIO()
    csv.writer(rows).writerows([["id", "author", "post", "user"], [text] * 4])
    line = json.dumps({"id": text, "author": text, "post": text, "user": text})
    expected = {"id": text, "author": text, "post": text, "user": text}
    named = {"id": 42, "author_id": 42, "post_id": 42, "user_id": 42}

    assert things(written(tmp_path, "a.csv", rows.getvalue())) == [
        named if text == "42" else expected
    ]
    for lines in (of_kind, lambda found, _: identified(found)):
        [found] = lines(read(written(tmp_path, "a.ndjson", line), COLUMNS), "post")
        assert expected.items() <= json.loads(found.body).items()


def test_lines_of_several_kinds_name_theirs(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "id\n7\n")

    with pytest.raises(SetupError, match="--kind"):
        list(read(path, ["kind", "id"]))
    [line] = of_kind(read(path, ["id"]), "author")
    assert json.loads(line.body) == {"kind": "author", "id": 7}
    nulls = written(tmp_path, "a.ndjson", '{"kind":null,"id":7}\n{"kind":"post","id":8}')
    kinds = [json.loads(line.body)["kind"] for line in of_kind(read(nulls, COLUMNS), "author")]
    assert kinds == ["author", "post"]


def test_same_file_gives_the_same_identities_and_equal_lines_different_ones(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        "e.csv",
        "post,type,engaged_timestamp,event_id\n"
        "a,view,2026-01-01T00:00:00Z,\n"
        "b,view,2026-01-01T00:00:00Z,\n"
        "b,view,2026-01-01T00:00:00Z,\n"
        "b,view,2026-01-01T00:00:00Z,e7c1745c-cd4a-4c19-87e4-45face935938\n",
    )
    once, again = (
        [json.loads(line.body)["event_id"] for line in identified(read(path, COLUMNS))]
        for _ in "12"
    )

    assert once == again
    assert len(set(once)) == 4
    assert once[3] == "e7c1745c-cd4a-4c19-87e4-45face935938"


def test_identity_of_an_event_is_independent_of_how_it_is_written(tmp_path: Path) -> None:
    head, row = (
        ["post", "type", "engaged_timestamp", "user"],
        ["7", "view", "2026-01-01T00:00:00Z", ""],
    )
    texts = {
        "a.csv": ",".join(head) + "\n" + ",".join(row),
        "b.csv": ";".join(reversed(head)) + "\n" + ";".join(reversed(row)),
        "c.csv": "post_id,engaged_timestamp,type\n7,2026-01-01T00:00:00Z,view",
        "d.ndjson": '{"type": "view", "post_id": 7, "engaged_timestamp": "2026-01-01T00:00:00Z"}',
        "e.ndjson": '{"user_id":null,"engaged_timestamp":"2026-01-01T00:00:00Z","event_id":null,'
        '"post_id":7,"type":"view"}',
    }
    ids = [
        [json.loads(line.body)["event_id"] for line in identified(read(path, COLUMNS_OF_EVENTS))]
        for path in (written(tmp_path, name, text) for name, text in texts.items())
    ]

    assert ids == [ids[0]] * len(texts)
