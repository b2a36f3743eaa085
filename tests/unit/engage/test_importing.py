"""Files as lines that the services take."""

import json
from pathlib import Path
from typing import Any

import pytest

from engage.importing import identified, of_kind, read
from schema.errors import SetupError

COLUMNS = (
    *("id", "author_id", "author", "title", "tags", "has_media", "language"),
    *("post", "user", "type", "engaged_timestamp", "event_id"),
)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def things(path: Path) -> list[Any]:
    return [json.loads(line.body) for line in read(path, COLUMNS)]


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
    assert things(written(tmp_path, "a.csv", "title\n2026\n")) == [{"title": "2026"}]


def test_an_id_of_digits_is_a_number_wherever_it_stands(tmp_path: Path) -> None:
    text = "id,author,post,user\n7,8,9,10\nslug,ann,a-1,u\n007,08,09,010\n"

    assert things(written(tmp_path, "a.csv", text)) == [
        {"id": 7, "author_id": 8, "post_id": 9, "user_id": 10},
        {"id": "slug", "author": "ann", "post": "a-1", "user": "u"},
        {"id": "007", "author": "08", "post": "09", "user": "010"},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheets_way_of_writing_is_understood(tmp_path: Path, delimiter: str) -> None:
    cells = ["id", "title", "tags"], ["größe", '"Über ""Größe"", 1\n2. Zeile"', '"a;b"']
    text = "\ufeff" + "\r\n".join(delimiter.join(row) for row in cells)

    assert things(written(tmp_path, "a.csv", text)) == [
        {"id": "größe", "title": 'Über "Größe", 1\n2. Zeile', "tags": ["a", "b"]}
    ]


def test_a_row_with_too_many_cells_is_no_line_to_be_sent(tmp_path: Path) -> None:
    lines = list(read(written(tmp_path, "a.csv", "id,title\n1,a,b\n2,c\n3\n"), COLUMNS))

    assert [line.number for line in lines if line.fault] == [2]
    assert json.loads(lines[2].body) == {"id": 3}


def test_blank_lines_are_nothing(tmp_path: Path) -> None:
    ndjson = written(tmp_path, "a.ndjson", '\n{"id":1}\n\n{"id":2}')
    csv = written(tmp_path, "a.csv", "id\n\n1\n\n2\n")

    assert [line.number for line in read(ndjson, COLUMNS)] == [2, 4]
    assert [line.number for line in read(csv, COLUMNS)] == [3, 5]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        pytest.param("a.xlsx", "", "ends in", id="another kind of file"),
        pytest.param("a.csv", "", "empty", id="no header"),
        pytest.param("a.csv", "id,titel\n1,a\n", "'titel'.*title", id="an unknown column"),
        pytest.param("a.csv", "id,id\n1,2\n", "more than one", id="a column twice"),
        pytest.param("a.csv", 'id,title\n1,"a\n2,b\n', "line 3.*quotes", id="an open quote"),
        pytest.param("a.csv", 'id,title\n1,"a" b\n', "line 2.*quotes", id="a quote inside"),
    ],
)
def test_what_is_wrong_with_a_file_as_a_whole_is_told_at_once(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    with pytest.raises(SetupError, match=told) as caught:
        things(written(tmp_path, name, text))

    assert name in str(caught.value)


def test_a_file_that_is_not_utf_8_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,title\n1,größe\n".encode("latin-1"))

    with pytest.raises(SetupError, match="UTF-8"):
        things(path)


def test_lines_of_several_kinds_name_theirs(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "id\n7\n")

    with pytest.raises(SetupError, match="--kind"):
        list(read(path, ["kind", "id"]))
    [line] = of_kind(read(path, ["id"]), "author")
    assert json.loads(line.body) == {"kind": "author", "id": 7}


def test_the_same_file_gives_the_same_identities_and_equal_lines_different_ones(
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
