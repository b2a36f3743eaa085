from pathlib import Path

import pytest

import sql
from schema.errors import SetupError


def test_parameters_are_numbered_in_the_order_of_the_header() -> None:
    query = sql.parse(
        "q", "-- q: ?\n--\n-- :b  int  first\n-- :a  int  second\nSELECT :a::int, :b;\n"
    )

    assert query.text == "SELECT $2::int, $1"
    assert query.bind(a=1, b=2) == (2, 1)


def test_quoted_psql_parameters_are_bound_too() -> None:
    assert sql.parse("q", "-- :zone  text  a zone\nSELECT :'zone'::text").text == "SELECT $1::text"


@pytest.mark.parametrize("source", ["SELECT :a", "-- :a  int  unused\nSELECT 1"])
def test_header_that_does_not_match_is_refused(source: str) -> None:
    with pytest.raises(SetupError, match="declares"):
        sql.parse("q", source)


@pytest.mark.parametrize("name", sql.names())
def test_every_file_has_a_header_that_matches(name: str) -> None:
    assert sql.load(name).text


def test_no_two_files_have_the_same_name() -> None:
    assert len(list(Path(sql.__file__).parent.rglob("*.sql"))) == len(sql.names())
